"""Output streams of a command."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any, TextIO

from token_rotation.events import Event, Observer, Verifying, Waiting
from token_rotation.run.display import Display, make_display
from token_rotation.run.progress import Progress

SHOW_EVERY_SECONDS = 5.0


class Output:
    """The two streams of a command.

    Nobody may be there to read them.

    With progress as JSON, ``out`` holds nothing but JSON lines and the sentences go to ``err``.
    """

    def __init__(self, mode: str, *, out: TextIO, err: TextIO) -> None:
        self.mode = mode
        self.out = out
        self.err = err

    def say(self, sentence: str) -> None:
        """Write a line for the person at the keyboard."""
        _print(sentence, self.err if self.mode == "json" else self.out)

    def warn(self, line: str) -> None:
        """Write a line to stderr."""
        _print(line, self.err)

    def event(self, values: Mapping[str, Any]) -> None:
        """Write a JSON line, if progress is shown so."""
        if self.mode == "json":
            _print(json.dumps(values), self.out)

    def display(self, progress: Progress) -> Display:
        """Open the display of a rotation."""
        return make_display(self.mode, progress, out=self.out, err=self.err, clock=time.monotonic)

    def show_waits(self) -> Observer:
        """Return an observer of reads and waits, where no display is open.

        It shows the first wait at once.
        """
        next_at = {Verifying: time.monotonic() + SHOW_EVERY_SECONDS, Waiting: 0.0}

        def show(event: Event) -> None:
            if isinstance(event, Verifying | Waiting) and time.monotonic() >= next_at[type(event)]:
                next_at[type(event)] = time.monotonic() + SHOW_EVERY_SECONDS
                self._show(event)

        return show

    def _show(self, event: Verifying | Waiting) -> None:
        kind, line = "waiting" if isinstance(event, Waiting) else "verifying", str(event)
        if self.mode == "json":
            self.event({"event": kind, **asdict(event)})
        elif self.mode != "none":
            self.warn(line)


def _print(line: str, stream: TextIO) -> None:
    with suppress(OSError, ValueError):
        print(line, file=stream, flush=True)
