"""Give chosen rows fresh tokens, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import groupby
from typing import Any

from django.db import connections, transaction
from django.db.models import Model, QuerySet

from token_rotation.errors import UnyieldingRowsError
from token_rotation.inspection.columns.column_type import column_type
from token_rotation.notify.announcements import announce_revoked
from token_rotation.postgres.text_cursor import django_cursor
from token_rotation.selection.target import Target
from token_rotation.sql import rows as rows_sql
from token_rotation.sql import tokens as tokens_sql
from token_rotation.sql.pending import array
from token_rotation.targets.discovery import model_of


def rotate_once(targets: Sequence[Target], rows: QuerySet[Any], rows_at_most: int) -> int:
    """Rotate the rows for each target; return the number changed.

    A row without a token gets none. A target may be in the table of the model's parent. Tokens made
    in Python are made before any row is locked, so a slow source blocks nobody. Raises
    UnyieldingRowsError, TokenSourceError and Django's database errors; nothing is changed then.
    """
    made = [(target, target.token_source.take(rows_at_most)) for target in targets]
    changed_rows = 0
    with transaction.atomic(using=targets[0].database):
        for _, of_table in groupby(made, lambda each: each[0].table):
            changed_rows = max(changed_rows, _rotate_in_table(list(of_table), rows))
    return changed_rows


def _rotate_in_table(made: Sequence[tuple[Target, list[str] | None]], rows: QuerySet[Any]) -> int:
    rows = _in_table_of(made[0][0], rows)
    # Locks in the order of the keys, so that two callers cannot deadlock.
    keys = [row.pk for row in rows.select_for_update(of=("self",)).only("pk")]
    changed_rows = 0
    for target, tokens in made if keys else ():
        changed = _update(target, rows.model, keys, tokens)
        _ensure_changed(target, changed)
        changed_rows = max(changed_rows, len(changed))
        if changed:
            done = partial(announce_revoked, target, tuple(key for key, _ in changed))
            transaction.on_commit(done, using=target.database)
    return changed_rows


def _in_table_of(target: Target, rows: QuerySet[Any]) -> QuerySet[Any]:
    """Return the rows of the target's table, which may be a parent's."""
    parent = model_of(target)._meta.concrete_model
    if parent is None or parent is rows.model._meta.concrete_model:
        return rows
    link = rows.model._meta.get_ancestor_link(parent)
    keys = rows.order_by().values("pk" if link is None else link.attname)
    return QuerySet(parent, using=target.database).filter(pk__in=keys).order_by("pk")


def _ensure_changed(target: Target, changed: Sequence[tuple[Any, bool]]) -> None:
    if not all(sticks for _, sticks in changed):
        raise UnyieldingRowsError(
            f"rows of {target.table} keep their tokens after an UPDATE without an error: "
            "another trigger, a rule or a row-security policy undoes it. Nothing was changed. "
            "Look at the table's definition"
        )


def _update(
    target: Target, model: type[Model], keys: Sequence[Any], tokens: list[str] | None
) -> list[tuple[Any, bool]]:
    """Return each row's key, and True if its change sticks."""
    connection = connections[target.database]
    key: Any = model._meta.pk
    key_type = str(key.rel_db_type(connection))
    values = {"keys": [key.get_db_prep_value(each, connection) for each in keys]}
    with django_cursor(connection) as cursor:
        cursor.execute(rows_sql.take_later_markers(target, key_type), values)
        expression = target.token_source.expression
        if expression is not None:
            query = rows_sql.rotate_keys(target, key_type, tokens_sql.made_by(expression))
            cursor.execute(query, values)
        elif tokens is not None:
            token_type = str(column_type(cursor, target.table, target.token_column))
            cursor.execute(tokens_sql.KEEP_TOKENS, {"tokens": array(tokens)})
            query = rows_sql.rotate_keys_with_tokens(target, key_type, token_type)
            cursor.execute(query, values)
        return list(cursor.fetchall())
