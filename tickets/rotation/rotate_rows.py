"""Rotate chosen rows from application code, by the rules of the command."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.core.exceptions import ImproperlyConfigured, ObjectDoesNotExist
from django.db import (
    DataError,
    IntegrityError,
    InternalError,
    connections,
    router,
    transaction,
)
from django.db.models import Model, QuerySet

from tickets.rotation import rows_sql, sql
from tickets.rotation.announcement import announce
from tickets.rotation.connection import reason_of
from tickets.rotation.discovery import target_of
from tickets.rotation.errors import StatementError, TooManyRowsError, UnyieldingRowsError
from tickets.rotation.retry import Fault, classify
from tickets.rotation.target import Target
from tickets.rotation.token_source import PythonTokens

ROWS_AT_MOST = 4_000
TRIES = 10

# Of these PostgreSQL quotes values of the row, the token among them.
_QUOTING = (IntegrityError, DataError, InternalError)


def rotate_rows(rows: QuerySet[Any]) -> int:
    """Give each row of a query a fresh token, pending or not; how many there were.

    All in one transaction, or a savepoint of the caller's; rows are locked in the order of their
    keys, and rows that others hold are waited for. ``tokens_rotated`` is sent when the outermost
    transaction has committed.

    Raises TooManyRowsError above 4,000 rows, before anything is locked; TokenSourceError;
    StatementError for what PostgreSQL refuses, without the values that it quotes;
    UnyieldingRowsError when something undoes the change. Nothing is changed then. Other errors
    are Django's.
    """
    query = rows.query
    if query.is_sliced or query.distinct or query.combinator:
        raise TypeError("rotate_tokens() takes a query without slice, distinct() and union()")
    database = _database(rows)
    target = _target(rows.model, database)
    rows = rows.using(database).order_by("pk").select_related(None)
    keys = list(rows.values_list("pk", flat=True)[: ROWS_AT_MOST + 1])
    if len(keys) > ROWS_AT_MOST:
        raise TooManyRowsError(
            f"more than {ROWS_AT_MOST:,} rows of {target.label} at a time would hold their locks "
            f"too long. Nothing was changed. For all that are pending: {target.command}"
        )
    if not keys:
        return 0
    for attempt in range(1, TRIES + 1):
        try:
            return _rotate(target, rows.filter(pk__in=keys), len(keys))
        except _QUOTING as error:
            fault = classify(getattr(error.__cause__, "pgcode", ""))
            if fault is not Fault.DUPLICATE_TOKEN or attempt == TRIES:
                reason = f"PostgreSQL refused the statement: {reason_of(error)}"
                raise StatementError(reason) from None
    raise AssertionError("the last attempt returns or raises")


def rotate_token(row: Model, *, using: str | None = None) -> None:
    """Give one row a fresh token, which its fields hold afterwards, with the marker.

    Raises ObjectDoesNotExist when there is no such row any more, and what ``rotate_rows``
    raises.
    """
    model = type(row)
    database = using or router.db_for_write(model, instance=row)
    columns = {field.column: field.attname for field in model._meta.concrete_fields}
    target = _target(model, database)
    with transaction.atomic(using=database):
        if not rotate_rows(QuerySet(model, using=database).filter(pk=row.pk)):
            raise ObjectDoesNotExist(f"{model._meta.label} {row.pk} is not there any more")
        fields = [columns[target.token_column], columns[target.marker_column]]
        row.refresh_from_db(using=database, fields=fields)


def _database(rows: Any) -> str:
    """Where update() would write."""
    return str(rows._db or router.db_for_write(rows.model, **rows._hints))  # noqa: SLF001


def _target(model: type[Model], database: str) -> Target:
    target = target_of(model, database)
    if target is None:
        raise ImproperlyConfigured(
            f"{model._meta.label} has no rotating token: its Meta.triggers lack guard()"
        )
    return target


def _rotate(target: Target, rows: QuerySet[Any], rows_at_most: int) -> int:
    """One attempt. A slow token source holds nobody up: no row is locked yet."""
    source = target.token_source
    tokens = source.take(rows_at_most) if isinstance(source, PythonTokens) else None
    with transaction.atomic(using=target.database):
        # In the order of the keys, so that two of these cannot wait for each other.
        keys = [row.pk for row in rows.select_for_update(of=("self",)).only("pk")]
        changed = _update(target, rows.model, keys, tokens) if keys else []
        if not all(held for _, held in changed):
            raise UnyieldingRowsError(
                f"rows of {target.table} keep their tokens after an UPDATE without an error: "
                "another trigger, a rule or a row-security policy undoes it. Nothing was changed. "
                "Look at the table's definition"
            )
        if changed:
            done = partial(announce, target, tuple(key for key, _ in changed))
            transaction.on_commit(done, using=target.database)
    return len(changed)


def _update(
    target: Target, model: type[Model], keys: Sequence[Any], tokens: list[str] | None
) -> list[tuple[Any, bool]]:
    connection = connections[target.database]
    key: Any = model._meta.pk
    key_type = str(key.rel_db_type(connection))
    values = {"keys": [key.get_db_prep_value(each, connection) for each in keys]}
    with connection.cursor() as cursor:
        if tokens is None:
            cursor.execute(rows_sql.rotate_keys(target, key_type), values)
        else:
            cursor.execute(
                sql.column_type(), {"table": target.table, "column": target.token_column}
            )
            (token_type,) = cursor.fetchone()
            cursor.execute(sql.KEEP_TOKENS, {"tokens": rows_sql.array_of(tokens)})
            query = rows_sql.rotate_keys_with_tokens(target, key_type, token_type)
            cursor.execute(query, values)
        return list(cursor.fetchall())
