"""Report a change that rows refuse, without quoting them."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import DataError, IntegrityError

from token_rotation.postgres.failures import reason_of


class ChangeRefusedError(CommandError):
    """The rows of a table do not allow a change.

    The message quotes none of them.
    """


@contextmanager
def quoting_no_row(table: str) -> Iterator[None]:
    """Raise ``ChangeRefusedError`` instead of an error that quotes a row.

    The row may hold a token.
    """
    try:
        yield
    except (DataError, IntegrityError) as error:
        raise ChangeRefusedError(
            f"{table}: its rows do not allow this change: {reason_of(error)}. This step changed "
            "nothing, and the application goes on as before. Mend the rows, then run migrate again."
        ) from None
