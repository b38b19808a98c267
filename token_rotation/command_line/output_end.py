"""Commands that survive the loss of their output."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any, cast

from django.core.management.base import BaseCommand, OutputWrapper

from token_rotation.command_line.exit_code import ExitCode
from token_rotation.command_line.output_stream import (
    OutputError,
    StandardOutput,
    finish_errors,
    open_closed_output,
    standard_output,
)

OUTPUT_CLOSED = 141
"""What shells report after SIGPIPE."""


class _StandardOutput(OutputWrapper):
    """Standard output that perhaps nobody reads: the command goes on without it."""

    def write(self, *args: Any, **kwargs: Any) -> Any:
        with suppress(BrokenPipeError):
            super().write(*args, **kwargs)


class _StandardError(OutputWrapper):
    """Standard error that may be closed or full: there is nowhere else to say so."""

    def write(self, *args: Any, **kwargs: Any) -> Any:
        with suppress(OSError, ValueError, AttributeError):
            super().write(*args, **kwargs)


class OutputEnd(BaseCommand):
    """Mixin for commands whose output may get lost. It stands before another command.

    Output that a full disk, say, refused is one line on stderr, and the exit code is not 0. If
    nobody reads the output, that is no fault: a command that went on without it keeps its own
    exit code, and 141 ends any other. Nor is it one if the output was closed before the start.
    Characters that the terminal lacks are escaped.
    """

    def run_from_argv(self, argv: list[str]) -> None:
        open_closed_output()
        stdout, stderr = cast(Any, self.stdout), cast(Any, self.stderr)
        self.stderr = _StandardError(stderr._out or sys.stderr)
        self.stderr.style_func = stderr.style_func
        with standard_output() as stream:
            stdout._out = stream or sys.stdout
            if stream is not None:
                stream.show_any_name()
            self.stdout = _StandardOutput(stdout._out)
            self.stdout.style_func = stdout.style_func
            code = self._code(argv)
            if stream is not None and self._lost(stream):
                code = code or ExitCode.ERROR
        finish_errors()
        if code:
            sys.exit(code)

    def _code(self, argv: list[str]) -> str | int | None:
        try:
            super().run_from_argv(argv)
        except SystemExit as end:
            return end.code
        except BrokenPipeError:
            return OUTPUT_CLOSED
        except OutputError:  # ``finish`` raises it again
            return ExitCode.ERROR
        return ExitCode.DONE

    def _lost(self, stream: StandardOutput) -> bool:
        try:
            stream.finish()
        except BrokenPipeError:
            return False
        except OutputError as error:
            self.stderr.write(
                f"The output could not be written: {error.strerror}. What the command did is done, "
                "but not all of it is said. Make room, then run it again."
            )
            return True
        return False
