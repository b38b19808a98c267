"""Displays of progress: a bar, plain lines, JSON lines, or none.

They show, and count nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TextIO

from token_rotation.run.display.bar import Bar
from token_rotation.run.display.display import Display, NoDisplay, WhileItWorks
from token_rotation.run.display.json_lines import JsonLines
from token_rotation.run.display.lines import Lines
from token_rotation.run.display.sampled import Sampled
from token_rotation.run.progress import Progress

MODES = ("auto", "bar", "lines", "json", "none")


def make_display(
    mode: str,
    progress: Progress,
    *,
    out: TextIO,
    err: TextIO,
    clock: Callable[[], float],
) -> Display:
    """Return the display for one of ``MODES``.

    "auto" is a bar on a terminal and lines elsewhere.
    """
    display = _make(mode, progress, out=out, err=err, clock=clock)
    return WhileItWorks(Sampled(display, clock))


def _make(
    mode: str,
    progress: Progress,
    *,
    out: TextIO,
    err: TextIO,
    clock: Callable[[], float],
) -> Display:
    if mode == "auto":
        mode = "bar" if _can_draw(err) else "lines"
    if mode == "bar":
        return Bar(progress, err)
    if mode == "lines":
        return Lines(progress, out, clock=clock)
    if mode == "json":
        return JsonLines(progress, out)
    return NoDisplay()


def _can_draw(stream: TextIO) -> bool:
    """Return True for a terminal that knows its size; without one a bar stays empty."""
    return stream.isatty() and 0 not in os.get_terminal_size(stream.fileno())


__all__ = ["MODES", "Display", "make_display"]
