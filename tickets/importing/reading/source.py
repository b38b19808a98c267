"""The lines of a file or a pipe.

A wait for input can be stopped.
"""

from __future__ import annotations

import os
import select
import stat
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tickets.importing.errors import Stopped, UnreadableFileError

STANDARD_INPUT = "-"
LONGEST_LINE_BYTES = 1 << 20
BLOCK_BYTES = 1 << 16
LOOK_UP_EVERY_SECONDS = 0.1
WAITS_UNTIL_SILENT = 10
MOST_MARKS = 4_096


class Source:
    """An open file.

    ``size_bytes`` is None for a pipe, whose size is unknown.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        status = os.fstat(descriptor)
        self.size_bytes = status.st_size if stat.S_ISREG(status.st_mode) else None
        self.read_bytes = self.last_line = 0
        self._marks = deque([(0, 0)])  # lines, and the bytes that they take

    def bytes_to(self, line: int) -> int:
        """Return about how many bytes of the file the first ``line`` lines take.

        ``line`` never goes back. Of a pipe it returns what was read.
        """
        if self.size_bytes is None:
            return self.read_bytes
        while len(self._marks) > 1 and self._marks[1][0] <= line:
            self._marks.popleft()
        (lines, size), (next_lines, next_size) = (
            self._marks[0],
            self._marks[min(1, len(self._marks) - 1)],
        )
        if line <= lines or next_lines <= lines:
            return size
        return size + (next_size - size) * (line - lines) // (next_lines - lines)

    def lines(self, meanwhile: Callable[[], bool]) -> Iterator[bytes]:
        """Yield each line with its line feed.

        The last one may have none. Of a line that is longer than 1 MiB with its line feed only the
        first MiB comes, and a line feed. After a second without input an empty line comes. Calls
        ``meanwhile`` before each read, and every 0.1 s while it waits for input.

        Raises Stopped when ``meanwhile`` returns True, and UnreadableFileError.
        """
        rest = b""
        cut = False
        for block in self._blocks(meanwhile):
            *whole, rest = (rest + block).split(b"\n")
            self._mark(len(whole) - (cut and bool(whole)), len(rest))
            for line in whole:
                if not cut:
                    yield line[:LONGEST_LINE_BYTES] + b"\n"
                cut = False
            if cut:
                rest = b""
            elif len(rest) >= LONGEST_LINE_BYTES:
                self.last_line += 1
                yield rest[:LONGEST_LINE_BYTES] + b"\n"
                rest, cut = b"", True
            elif not block:
                yield b""
        if rest:
            self._mark(1, 0)
            yield rest

    def _mark(self, lines: int, rest_bytes: int) -> None:
        self.last_line += lines
        if lines and self.size_bytes is not None:
            self._marks.append((self.last_line, self.read_bytes - rest_bytes))
        if len(self._marks) > MOST_MARKS:
            self._marks = deque(list(self._marks)[::2])

    def _blocks(self, meanwhile: Callable[[], bool]) -> Iterator[bytes]:
        """Yield what is read, and an empty block after each second without input."""
        waits = 0
        while True:
            if meanwhile():
                raise Stopped
            if select.select([self._descriptor], [], [], LOOK_UP_EVERY_SECONDS)[0]:
                block = self._block()
                if not block:
                    return
                yield block
                waits = 0
            else:
                waits += 1
                if waits % WAITS_UNTIL_SILENT == 0:
                    yield b""

    def _block(self) -> bytes:
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
    except ValueError:  # only from code: no argument of a process is such a name
        raise _not_opened(name, "no file can have this name") from None
    try:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise _not_opened(name, "it is a directory")
        yield Source(descriptor)
    finally:
        os.close(descriptor)


def _not_opened(name: str, reason: str | None) -> UnreadableFileError:
    return UnreadableFileError(f"{name!r} cannot be opened: {reason}. Nothing was imported.")
