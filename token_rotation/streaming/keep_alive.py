"""Bytes to send while a query has no row."""

from __future__ import annotations

HELD_BACK_BYTES = 128
BLANK_LINE = b"\r\n"


class KeepAlive:
    """Held-back bytes that keep the connection alive.

    The end of the data is held back and sent a byte at a time. So a short wait changes no byte of
    the file. A wait that outlasts the bytes held back adds blank lines between two records, never
    inside one. pandas and csv.DictReader skip them; csv.reader returns [] for each.
    """

    def __init__(self) -> None:
        self._held_back = b""

    def feed(self, block: bytes) -> bytes:
        """Take whole records; return what to send now, at least one byte."""
        waiting = self._held_back + block
        held_back = min(HELD_BACK_BYTES, len(waiting) - 1)
        self._held_back = waiting[len(waiting) - held_back :]
        return waiting[: len(waiting) - held_back]

    def filler(self) -> bytes:
        """Return the next byte held back, or a blank line if there is none."""
        byte, self._held_back = self._held_back[:1], self._held_back[1:]
        return byte or BLANK_LINE

    def remaining(self) -> bytes:
        """Return everything held back; may be empty."""
        remaining, self._held_back = self._held_back, b""
        return remaining
