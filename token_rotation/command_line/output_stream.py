"""Standard output that can show any name and notes what it could not write."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper


class OutputError(OSError):
    """The output could not be written: a full disk, say."""


class StandardOutput(TextIOWrapper):
    """Standard output within ``standard_output``.

    Where nobody reads any more, it raises BrokenPipeError; for every other failure OutputError,
    which ``finish`` raises again: whoever writes may have let it pass.
    """

    _lost: OutputError | None = None

    def write(self, text: str) -> int:
        with self._noting_loss():
            return super().write(text)

    def flush(self) -> None:
        with self._noting_loss():
            super().flush()

    def show_any_name(self) -> None:
        """Escape characters that the encoding lacks: names of tables on an ASCII terminal, say."""
        self.reconfigure(errors="backslashreplace")

    def finish(self) -> None:
        """Write the rest. Nothing is left to be written at exit, whatever it raises."""
        try:
            self.flush()
        except OSError as error:
            self._discard_rest()
            if not isinstance(error, OutputError):
                raise
        lost, self._lost = self._lost, None
        if lost is not None:
            raise lost

    @contextmanager
    def _noting_loss(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            self._lost = OutputError(error.errno, error.strerror)
            raise self._lost from None

    def _discard_rest(self) -> None:
        _discard(self.fileno())
        super().flush()


def open_closed_output() -> None:
    """Let standard output and standard error go nowhere where they were closed at the start.

    Python makes them None then. Their descriptors are taken too: else the connection to the
    database, say, would get one of them, and whatever is written there.
    """
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            setattr(sys, name, _opened_on(descriptor))


def _opened_on(descriptor: int) -> TextIOWrapper:
    opened = os.open(os.devnull, os.O_WRONLY)
    if opened != descriptor and not _is_open(descriptor):
        os.dup2(opened, descriptor)
        os.close(opened)
        opened = descriptor
    return TextIOWrapper(os.fdopen(opened, "wb"), encoding="utf-8", errors="backslashreplace")


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


@contextmanager
def standard_output() -> Iterator[StandardOutput | None]:
    """Let ``sys.stdout`` be such a stream; None where it is no file.

    Call ``finish`` at the end of the block.
    """
    before = sys.stdout
    if not isinstance(before, TextIOWrapper):
        yield None
        return
    if isinstance(before, StandardOutput):
        yield before
        return
    stream = StandardOutput(
        before.buffer,
        encoding=before.encoding,
        errors=before.errors,
        line_buffering=before.line_buffering,
        write_through=before.write_through,
    )
    sys.stdout = stream
    try:
        yield stream
    finally:
        sys.stdout = before
        with suppress(OSError):
            stream.detach()


def finish_errors() -> None:
    """Leave nothing of stderr to be written at exit; what cannot be written is discarded."""
    if sys.stderr is None:  # it was closed before the start
        return
    try:
        sys.stderr.flush()
    except OSError:
        _discard(sys.stderr.fileno())
        sys.stderr.flush()


def _discard(descriptor: int) -> None:
    """Let what is written there go nowhere."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, descriptor)
    os.close(devnull)
