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
    except ImproperlyConfigured as error:
        return _fail(argv, str(error))
    except OperationalError as error:
        if not is_connection_failure(error):
            raise
        return _fail(argv, f"cannot reach the database: {error}")
    return 0


def is_connection_failure(error: OperationalError) -> bool:
    """Tell whether the connection failed, as opposed to a statement that the server refused."""
    return getattr(error.__cause__, "pgcode", None) is None


def _fail(argv: Sequence[str], message: str) -> int:
    """Print `message` as one line, whatever line breaks the driver put into it."""
    if "--traceback" in argv:
        raise
    sys.stderr.write(f"manage.py: {' '.join(message.split())}\n")
    return 1
