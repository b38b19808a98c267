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
        self._held = b""

    def feed(self, block: bytes) -> bytes:
        """Take whole records; return one byte or more to send."""
        waiting = self._held + block
        held = min(HELD_BACK_BYTES, len(waiting) - 1)
        self._held = waiting[len(waiting) - held :]
        return waiting[: len(waiting) - held]

    def filler(self) -> bytes:
        """Return the next byte held back, or a blank line.

        A blank line comes if there is no byte.
        """
        byte, self._held = self._held[:1], self._held[1:]
        return byte or BLANK_LINE

    def rest(self) -> bytes:
        """Return everything held back; may be empty."""
        rest, self._held = self._held, b""
        return rest
