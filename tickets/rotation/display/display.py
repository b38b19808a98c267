"""What every display can do."""

from __future__ import annotations

from typing import Protocol

from tickets.rotation.events import Event


class Display(Protocol):
    """Shows events as they come; the progress it shows has counted them already."""

    def show(self, event: Event) -> None: ...

    def close(self) -> None:
        """Leave the terminal ready for ordinary lines."""


class NoDisplay:
    """Shows nothing."""

    def show(self, event: Event) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""
