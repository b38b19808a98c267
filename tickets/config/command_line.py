"""Run a manage.py command, with one-line errors.

An error that an operator can repair is one line, without traceback.
"""

import gc
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from django.core.exceptions import ImproperlyConfigured
from django.core.management import BaseCommand, ManagementUtility
from django.db import InternalError, OperationalError

from token_rotation.command_line import (
    OUTPUT_CLOSED,
    OneLineCommand,
    OutputError,
    finish_errors,
    standard_output,
)
from token_rotation.postgres import reason_of

READ_ONLY = "25006"
INTERRUPTED = 130  # what shells report after SIGINT


def run(argv: Sequence[str]) -> int:
    """Run the command named in ``argv``; return its exit code.

    A bad configuration or an unreachable database is one line (1; with --traceback a traceback). So
    is Ctrl-C in Django's own commands (130), and output that cannot be written (1). If nobody reads
    the output, the command ends silently (141). Other exceptions keep their traceback. Afterwards
    SIGINT has its default effect.
    """
    with standard_output() as output:
        try:
            try:
                with _quiet_start_and_end():
                    return _execute(argv)
            except KeyboardInterrupt:
                sys.stderr.write("manage.py: interrupted\n")
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
    or a second time, it shows a traceback.
    """

    def fetch_command(self, subcommand: str) -> BaseCommand:
        command = super().fetch_command(subcommand)
        gc.freeze()  # manage.py has disabled it
        gc.enable()
        ours = isinstance(command, OneLineCommand)
        if not ours and signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            signal.signal(signal.SIGINT, signal.default_int_handler)
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
        _Utility(list(argv)).execute()
    except (ImproperlyConfigured, OperationalError, InternalError) as error:
        message = _one_line(error)
        if message is None or "--traceback" in argv:
            raise
        sys.stderr.write(f"manage.py: {message}\n")
        return 1
    return 0


def is_connection_failure(error: OperationalError) -> bool:
    """Return True if the connection failed.

    Return False if the server refused a statement.
    """
    return getattr(error.__cause__, "pgcode", None) is None


def _one_line(error: Exception) -> str | None:
    """Return ``error`` as one line.

    Return None if it needs a traceback.
    """
    if isinstance(error, InternalError):
        is_read_only = getattr(error.__cause__, "pgcode", None) == READ_ONLY
        return f"{reason_of(error)}. Nothing was changed" if is_read_only else None
    if isinstance(error, OperationalError):
        if not is_connection_failure(error):
            return None
        return " ".join(f"cannot reach the database: {error}".split())
    return " ".join(f"{error}".split())
