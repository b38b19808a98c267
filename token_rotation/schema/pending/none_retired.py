"""Refuse to go on where a row has a token that was retired."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from token_rotation import wording
from token_rotation.errors import UnknownTargetError
from token_rotation.inspection.keeping import keeps
from token_rotation.inspection.verdict.open_writer import writers_as_sentence
from token_rotation.inspection.verdict.writers_wait import WritersWait
from token_rotation.postgres import statements
from token_rotation.postgres.text_cursor import django_cursor
from token_rotation.selection.target import Target
from token_rotation.sql import ddl as ddl_sql
from token_rotation.sql import retired as retired_sql
from token_rotation.targets.discovery import find_targets

NOTHING_CHANGED = "This step changed nothing, and the application goes on as before."


def refusal(connection: BaseDatabaseWrapper, table: str, marker: str) -> str | None:
    """Return a sentence if a row has a retired token, or an open transaction may commit one.

    None where none has, and where the models, as they are now, keep no retired tokens of the
    table. It waits for such transactions, as a report does.
    """
    found = (_of_target(connection, each) for each in _keeping(connection.alias, table, marker))
    return next(filter(None, found), None)


def _of_target(connection: BaseDatabaseWrapper, target: Target) -> str | None:
    """Look in a transaction that is rolled back, since its settings are not for what follows."""
    with transaction.atomic(using=connection.alias), django_cursor(connection) as cursor:

        def ask(query: Any, values: dict[str, Any]) -> list[tuple[Any, ...]]:
            cursor.execute(query, values)
            return list(cursor.fetchall())

        ((pages,),) = ask(retired_sql.pages(), {})
        if pages is None:  # a later migration makes the table
            return None
        open_writers = WritersWait(ask, target).run()
        for setting in (ddl_sql.SEE_EVERY_ROW, ddl_sql.WITHOUT_A_TIMEOUT):
            cursor.execute(setting)
        cursor.execute(statements.AVOID_NESTED_LOOPS)
        ((rows,),) = ask(retired_sql.count_still_valid(target), {})
        transaction.set_rollback(True, using=connection.alias)
    if rows:
        return (
            f"{target.label}: {wording.things(rows, 'row')} with a token that was retired. "
            f"{NOTHING_CHANGED} {target.whole_command} --report says what to type; then migrate "
            "again"
        )
    if open_writers:
        because = writers_as_sentence(open_writers)
        return f"{target.label}: {because}. {NOTHING_CHANGED} Then migrate again"
    return None


def _keeping(alias: str, table: str, marker: str) -> list[Target]:
    try:
        targets = find_targets(alias)
    except UnknownTargetError:
        return []
    place = (table, marker)
    return [each for each in targets if (each.table, each.marker_column) == place and keeps(each)]
