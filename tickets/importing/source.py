"""The lines of a file or a pipe.

A wait for input can be stopped.
"""

from __future__ import annotations

import os
import select
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tickets.importing.errors import Stopped, UnreadableFileError

STANDARD_INPUT = "-"
LONGEST_LINE_BYTES = 1 << 20
BLOCK_BYTES = 1 << 16
LOOK_UP_EVERY_SECONDS = 0.1


class Source:
    """An open file.

    ``size_bytes`` is None for a pipe, whose size is unknown.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        status = os.fstat(descriptor)
        self.size_bytes = status.st_size if stat.S_ISREG(status.st_mode) else None
        self.read_bytes = 0

    def lines(self, meanwhile: Callable[[], bool]) -> Iterator[bytes]:
        """Yield each line with its line feed.

        The last one may have none. Calls ``meanwhile`` before each read, and every 0.1 s while it
        waits for input.

        Raises Stopped when ``meanwhile`` returns True, and UnreadableFileError for a line over 1
        MiB.
        """
        rest = b""
        number = 0
        while block := self._block(meanwhile):
            *whole, rest = (rest + block).split(b"\n")
            for line in whole:
                number += 1
                yield line + b"\n"
            if len(rest) > LONGEST_LINE_BYTES:
                raise UnreadableFileError(
                    f"line {number + 1} is longer than {LONGEST_LINE_BYTES:,} bytes; is this a CSV"
                    " file with line feeds?"
                )
        if rest:
            yield rest

    def _block(self, meanwhile: Callable[[], bool]) -> bytes:
        ready = False
        while not ready:
            if meanwhile():
                raise Stopped
            ready = bool(select.select([self._descriptor], [], [], LOOK_UP_EVERY_SECONDS)[0])
        try:
            block = os.read(self._descriptor, BLOCK_BYTES)
        except OSError as error:
            raise UnreadableFileError(f"reading failed: {error.strerror}") from None
        self.read_bytes += len(block)
        return block


@contextmanager
def opened(name: str) -> Iterator[Source]:
    """Open the file of that name.

    ``-`` opens standard input. Raises UnreadableFileError.
    """
    if name == STANDARD_INPUT:
        if sys.stdin is None:
            raise _not_opened(name, "standard input is closed")
        yield Source(sys.stdin.fileno())
        return
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise _not_opened(name, error.strerror) from None
    try:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise _not_opened(name, "it is a directory")
        yield Source(descriptor)
    finally:
        os.close(descriptor)


def _not_opened(name: str, reason: str | None) -> UnreadableFileError:
    return UnreadableFileError(f"{name!r} cannot be opened: {reason}. Nothing was imported.")
