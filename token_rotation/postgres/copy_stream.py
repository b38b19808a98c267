"""Values as binary COPY data for a single column."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
_TRAILER = struct.pack("!h", -1)
_FIELD = struct.Struct("!hi")


class CopyStream:
    """A file that holds only what a reader asked for.

    Binary, because an error in the middle of a text COPY puts the current line into the server's
    log: https://www.postgresql.org/docs/current/sql-copy.html, "File Formats".
    """

    def __init__(self, values: Iterable[bytes]) -> None:
        self._parts = _parts(values)
        self._buffer = bytearray()

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self._buffer) < size:
            part = next(self._parts, None)
            if part is None:
                break
            self._buffer += part
        taken = bytes(self._buffer if size < 0 else self._buffer[:size])
        del self._buffer[: len(taken)]
        return taken


def _parts(values: Iterable[bytes]) -> Iterator[bytes]:
    yield _HEADER
    for value in values:
        yield _FIELD.pack(1, len(value)) + value
    yield _TRAILER
