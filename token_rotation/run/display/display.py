"""What every display can do."""

from __future__ import annotations

from contextlib import suppress
from typing import Protocol

from token_rotation.events import Event


class Display(Protocol):
    """Shows events as they come; the progress has counted them already."""

    def show(self, event: Event) -> None: ...

    def close(self) -> None:
        """Leave the terminal ready for ordinary lines."""


class WhileItWorks:
    """Passes events to another display until its output fails, then shows nothing.

    A closed pipe or a full disk must not end a rotation.
    """

    def __init__(self, display: Display) -> None:
        self._display: Display = display

    def show(self, event: Event) -> None:
        try:
            self._display.show(event)
        except (OSError, ValueError):
            self._display = NoDisplay()

    def close(self) -> None:
        with suppress(OSError, ValueError):
            self._display.close()


class NoDisplay:
    """Shows nothing."""

    def show(self, event: Event) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""
