"""Report a change that rows or the server refuse, in one line that quotes no row."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import DataError, IntegrityError, InternalError, NotSupportedError, ProgrammingError

from token_rotation.postgres.faults.failures import reason_of
from token_rotation.postgres.faults.unrecorded import way_out


class ChangeRefusedError(CommandError):
    """A table, its rows or the server do not allow a change.

    The message quotes no row.
    """


@contextmanager
def quoting_no_row(table: str) -> Iterator[None]:
    """Raise ``ChangeRefusedError`` instead of an error that may quote a row.

    The row may hold a token. Errors that pass, or are the connection's, stay as they are.
    """
    try:
        yield
    except (DataError, IntegrityError) as error:
        raise ChangeRefusedError(
            f"{table}: its rows do not allow this change: {reason_of(error)}. This step changed "
            "nothing, and the application goes on as before. Mend the rows, then run migrate again."
        ) from None
    except (ProgrammingError, NotSupportedError, InternalError) as error:
        helps = way_out(error)
        raise ChangeRefusedError(
            f"{table}: PostgreSQL refuses this change: {reason_of(error)}. This step changed "
            f"nothing, and the application goes on as before.{f' {helps}.' if helps else ''}"
        ) from None
