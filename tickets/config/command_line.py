"""Run a manage.py command, with one-line errors.

An error that an operator can repair is one line, without traceback.
"""

import gc
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

from django.core.exceptions import ImproperlyConfigured
from django.core.management import BaseCommand, ManagementUtility
from django.db import DatabaseError, InterfaceError

from tickets.config.ending_waits import CommitCutError, ending_waits
from tickets.config.repairable import one_line
from token_rotation.command_line import (
    OUTPUT_CLOSED,
    OneLineCommand,
    OutputError,
    finish_errors,
    open_closed_output,
    standard_output,
)
from token_rotation.postgres import TO_RECORD

INTERRUPTED = 130  # what shells report after SIGINT
NO_END_OF_ONE_STATEMENT = {"dbshell", "runserver", "shell", "test", "testserver"}
"""Commands that go on after Ctrl-C, or leave it to others."""

UNRECORDED = f". A migration may be applied and not recorded: {TO_RECORD}"


def run(argv: Sequence[str]) -> int:
    """Run the command named in ``argv``; return its exit code.

    A bad configuration, an unreachable database, or a right or table that is missing there is one
    line (1; with --traceback a traceback). So is Ctrl-C in Django's own commands (130), and output
    that cannot be written (1). If nobody reads the output, the command ends silently (141); if it
    was closed before, as usual. Other exceptions keep their traceback. Afterwards SIGINT has its
    default effect.
    """
    open_closed_output()
    with standard_output() as output:
        try:
            try:
                with _quiet_start_and_end():
                    return _execute(argv)
            except KeyboardInterrupt as interrupt:
                is_unrecorded = isinstance(interrupt, CommitCutError) and _migrates(argv)
                sys.stderr.write(f"manage.py: interrupted{UNRECORDED if is_unrecorded else ''}\n")
                return INTERRUPTED
            finally:
                if output is not None:
                    output.finish()
        except BrokenPipeError:
            return OUTPUT_CLOSED
        except OutputError as error:
            with suppress(OSError):
                sys.stderr.write(f"manage.py: the output could not be written: {error.strerror}\n")
            return 1
        finally:
            finish_errors()


class _Utility(ManagementUtility):
    """A command line that enables things only for a command.

    It enables garbage collection and KeyboardInterrupt only once there is a command. Before that,
    and in this project's own commands, Ctrl-C must not raise KeyboardInterrupt. During an import,
    or a second time, it shows a traceback. What it enables ends with ``at_end``.
    """

    def __init__(self, argv: list[str], at_end: ExitStack) -> None:
        super().__init__(argv)
        self._at_end = at_end

    def fetch_command(self, subcommand: str) -> BaseCommand:
        command = super().fetch_command(subcommand)
        gc.freeze()  # manage.py has disabled it
        gc.enable()
        ours = isinstance(command, OneLineCommand)
        if not ours and signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if not ours and subcommand not in NO_END_OF_ONE_STATEMENT:
            self._at_end.enter_context(ending_waits())
        return command


@contextmanager
def _quiet_start_and_end() -> Iterator[None]:
    """Give SIGINT its default effect before and after the command.

    It changes nothing if SIGINT is ignored.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # nohup, or a job in the background
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _execute(argv: Sequence[str]) -> int:
    try:
        with ExitStack() as at_end:
            _Utility(list(argv), at_end).execute()
    except (ImproperlyConfigured, DatabaseError, InterfaceError) as error:
        message = one_line(error, migrates=_migrates(argv))
        if message is None or "--traceback" in argv:
            raise
        sys.stderr.write(f"manage.py: {message}\n")
        return 1
    return 0


def _migrates(argv: Sequence[str]) -> bool:
    return argv[1:2] == ["migrate"]
