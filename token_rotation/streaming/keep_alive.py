"""How to send something when there is nothing to send."""

from __future__ import annotations

HELD_BACK_BYTES = 128
BLANK_LINE = b"\r\n"


class Drip:
    """Holds the end of what there is back, and gives it out a byte at a time to keep the
    connection alive.

    The file is then, to the byte, what it would have been without the wait. Only a wait that
    outlasts what was held back puts blank lines into it, between two records and never into one:
    pandas and csv.DictReader pass over them, csv.reader gives [] for each.
    """

    def __init__(self) -> None:
        self._held = b""

    def feed(self, block: bytes) -> bytes:
        """Whole records to send: what is to be sent of them now, at least a byte."""
        waiting = self._held + block
        held = min(HELD_BACK_BYTES, len(waiting) - 1)
        self._held = waiting[len(waiting) - held :]
        return waiting[: len(waiting) - held]

    def keep_alive(self) -> bytes:
        """The next byte, or a blank line when there is none."""
        byte, self._held = self._held[:1], self._held[1:]
        return byte or BLANK_LINE

    def rest(self) -> bytes:
        """All that was held back; may be empty."""
        rest, self._held = self._held, b""
        return rest
