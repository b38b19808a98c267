"""Base of the displays."""

from __future__ import annotations

from contextlib import suppress
from typing import Protocol

from token_rotation.events import Event


class Display(Protocol):
    """Display of events as they come.

    The progress has already counted each event.
    """

    def show(self, event: Event) -> None: ...

    def close(self) -> None:
        """Leave the terminal ready for ordinary lines."""


class WhileItWorks:
    """Display that survives the failure of its output.

    It passes events to another display until that fails, then shows nothing. A closed pipe or a
    full disk must not end a rotation.
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
    """Display that shows nothing."""

    def show(self, event: Event) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""
