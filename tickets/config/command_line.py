"""Run a manage.py command; a database that cannot be reached is one line, not a traceback."""

import sys
from collections.abc import Sequence

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError


def run(argv: Sequence[str]) -> int:
    """Run the command named in `argv`; return 1 after one clear line for a bad configuration
    or an unreachable database. Every other exception keeps its traceback; with --traceback all do.
    """
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
