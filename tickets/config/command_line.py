"""Run a manage.py command; what an operator can cause or mend is one line, not a traceback."""

import os
import sys
from collections.abc import Sequence

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError

INTERRUPTED = 130  # what shells report after SIGINT
OUTPUT_CLOSED = 141  # and after SIGPIPE


def run(argv: Sequence[str]) -> int:
    """Run the command named in `argv` and return its exit code.

    One clear line stands for a bad configuration or an unreachable database (1; a traceback with
    --traceback) and for Ctrl-C (130). When nobody reads the output any more it ends silently (141).
    Every other exception keeps its traceback.
    """
    try:
        try:
            return _execute(argv)
        except KeyboardInterrupt:
            sys.stderr.write("manage.py: interrupted\n")
            return INTERRUPTED
        finally:
            _flush()
    except BrokenPipeError:
        _discard_output()
        return OUTPUT_CLOSED


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # it was closed before the start
            stream.flush()


def _discard_output() -> None:
    """Send what is still buffered nowhere, or Python complains about it at its end."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except BrokenPipeError:
            os.dup2(devnull, stream.fileno())
    os.close(devnull)


def _execute(argv: Sequence[str]) -> int:
    try:
        execute_from_command_line(list(argv))
    except (ImproperlyConfigured, OperationalError) as error:
        message = _one_line(error)
        if message is None or "--traceback" in argv:
            raise
        sys.stderr.write(f"manage.py: {message}\n")
        return 1
    return 0


def is_connection_failure(error: OperationalError) -> bool:
    """Tell whether the connection failed, as opposed to a statement that the server refused."""
    return getattr(error.__cause__, "pgcode", None) is None


def _one_line(error: Exception) -> str | None:
    """Return what to tell about `error` without a traceback, or None if it needs one."""
    if isinstance(error, OperationalError):
        if not is_connection_failure(error):
            return None
        return " ".join(f"cannot reach the database: {error}".split())
    return " ".join(f"{error}".split())
