"""What is said when the rows of a table do not allow a migration: nothing that stands in them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from django.core.management.base import CommandError
from django.db import DataError, IntegrityError
from django.db.migrations.operations.base import Operation

from tickets.rotation.connection import reason_of

Changing = TypeVar("Changing", bound=Operation)
Rest = ParamSpec("Rest")
Change = Callable[Concatenate[Changing, Rest], None]


class ChangeRefusedError(CommandError):
    """The rows of a table do not allow a change."""


def quoting_no_row(change: Change[Changing, Rest]) -> Change[Changing, Rest]:
    """An operation's method that raises ChangeRefusedError in place of errors that quote rows.

    PostgreSQL puts what it refuses into its message, and that may be a token.
    """

    @wraps(change)
    def quiet(operation: Changing, /, *args: Rest.args, **kwargs: Rest.kwargs) -> None:
        try:
            change(operation, *args, **kwargs)
        except (DataError, IntegrityError) as error:
            raise ChangeRefusedError(
                f"{operation.describe()}: the rows do not allow it: {reason_of(error)}. This step "
                "changed nothing, and the application goes on as before. Mend the rows, then run "
                "migrate again."
            ) from None

    return quiet
