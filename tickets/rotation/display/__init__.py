"""How progress is shown: a bar, plain lines, JSON lines, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from tickets.rotation.display.bar import Bar
from tickets.rotation.display.display import Display, NoDisplay
from tickets.rotation.display.json_lines import JsonLines
from tickets.rotation.display.lines import Lines
from tickets.rotation.progress import Progress

MODES = ("auto", "bar", "lines", "json", "none")


def make_display(
    mode: str,
    progress: Progress,
    *,
    out: TextIO,
    err: TextIO,
    clock: Callable[[], float],
) -> Display:
    """The display for one of ``MODES``; auto means a bar on a terminal and lines elsewhere."""
    if mode == "auto":
        mode = "bar" if err.isatty() else "lines"
    if mode == "bar":
        return Bar(progress, err)
    if mode == "lines":
        return Lines(progress, out, clock=clock)
    if mode == "json":
        return JsonLines(progress, out)
    return NoDisplay()


__all__ = ["MODES", "Display", "make_display"]
