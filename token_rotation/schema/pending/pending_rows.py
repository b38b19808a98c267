"""Count the pending rows of a table that a migration is about."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field

from token_rotation.errors import NotReadyError
from token_rotation.inspection.whole_view import require_one_table
from token_rotation.postgres.text_cursor import django_cursor
from token_rotation.selection.target import EVERY_ROW_HAS_A_TOKEN
from token_rotation.sql import ddl as ddl_sql
from token_rotation.targets.absent import absent_of

COUNTED_AT_MOST = 10_000


class RowsPendingError(CommandError):
    """Rows of a model are still pending.

    So the migration must not go on.
    """


def pending_rows(
    connection: BaseDatabaseWrapper,
    table: str,
    marker: str,
    token: Field[Any, Any] | None,
    *,
    who: str,
) -> int:
    """Count the pending rows: in the index a part of many, then in the table, whatever there is.

    ``token`` is None where nobody knows it. ``who`` asks, for an error. In a transaction that is
    rolled back, since its settings are not for what follows.
    """
    column = None if token is None else token.column
    absent = EVERY_ROW_HAS_A_TOKEN if token is None else absent_of(token)
    with transaction.atomic(using=connection.alias), django_cursor(connection) as cursor:
        _require_the_table(cursor, connection.alias, table, who)
        cursor.execute(ddl_sql.SEE_EVERY_ROW)
        cursor.execute(ddl_sql.count_pending(table, marker, column, absent, COUNTED_AT_MOST + 1))
        (count,) = cursor.fetchone()
        if not count:
            cursor.execute(ddl_sql.WITHOUT_A_TIMEOUT)
            cursor.execute(ddl_sql.count_pending_in_heap(table, marker, column, absent))
            (count,) = cursor.fetchone()
        transaction.set_rollback(True, using=connection.alias)
    return int(count)


def in_words(rows: int) -> str:
    """Return the number as a sentence has it."""
    return f"more than {COUNTED_AT_MOST:,}" if rows > COUNTED_AT_MOST else f"{rows:,}"


def _require_the_table(cursor: Any, alias: str, table: str, who: str) -> None:
    """Lock the table as any SELECT does. Raises CommandError if not all of its rows are seen.

    A snapshot of REPEATABLE READ may be older than the lock. To it, a table that was rewritten in
    between seems empty.
    """

    def ask(query: Any, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        cursor.execute(query, values)
        return list(cursor.fetchall())

    try:
        require_one_table(ask, table, alias)
    except NotReadyError as error:
        raise CommandError(f"{who}: {error}") from None
    cursor.execute(ddl_sql.lock_as_a_reader(table))
    ((was_rewritten,),) = ask(ddl_sql.was_rewritten(), {"table": table})
    if was_rewritten:
        raise CommandError(
            f"{who}: {table} was rewritten after this transaction began, so it cannot see "
            "the rows. This step changed nothing. Run migrate again"
        )
