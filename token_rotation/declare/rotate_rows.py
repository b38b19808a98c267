"""Rotate chosen rows from application code, by the command's rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.core.exceptions import ImproperlyConfigured, ObjectDoesNotExist
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InternalError,
    connections,
    router,
    transaction,
)
from django.db.models import Model, QuerySet

from token_rotation.declare.guarded import guarded_of, guarding_models
from token_rotation.declare.rotate_once import rotate_once
from token_rotation.declare.watching.loaded import keep_watch
from token_rotation.declare.watching.uncommitted import UncommittedSave
from token_rotation.errors import (
    NoTokenError,
    StatementError,
    TokenUpdateError,
    TooManyRowsError,
)
from token_rotation.postgres.faults.failures import reason_of, sqlstate_of
from token_rotation.postgres.faults.sqlstate import Fault
from token_rotation.postgres.retrying import retry_at_once
from token_rotation.selection.target import Target
from token_rotation.targets.discovery import target_of, targets_of

ROWS_AT_MOST = 4_000
TRIES = 10

# The text of these errors quotes values of the row, the token among them.
_QUOTING = (IntegrityError, DataError, InternalError)
_QUOTING_CODES = {"2F", "38", "39", "3B", "F0", "P0"}
"""Classes of SQLSTATE that are InternalErrors with psycopg 2, and none with psycopg 3."""


def rotate_rows(rows: QuerySet[Any], *, token: str | None = None) -> int:
    """Give each row a fresh token; return the row count.

    The guard may be declared by a proxy or a parent of the model. A row need not be pending. A row
    without a token gets none and does not count. ``token`` is the field's name; without it, every
    rotating token of the model gets one. All happens in one transaction, or in a savepoint of the
    caller's. Rows are locked in the order of their keys; the call waits for rows that others have
    locked. ``tokens_rotated`` is sent after the outermost transaction commits.

    Nothing is changed if it raises. It raises TooManyRowsError above 4,000 rows, before it locks
    anything, and TokenSourceError. It raises StatementError if PostgreSQL refuses, without the
    values that it quotes. It raises UnyieldingRowsError if something undoes the change. Other
    errors are Django's.
    """
    query = rows.query
    if query.is_sliced or query.distinct or query.combinator or query.group_by is not None:
        raise TypeError(
            "rotate_tokens() takes a query without slice, distinct(), union() and aggregates"
        )
    database = _database(rows)
    targets = _targets(rows.model, database, token)
    if connections[database].vendor != "postgresql":
        raise ImproperlyConfigured(
            f"tokens of {targets[0].label} are rotated on PostgreSQL alone, and the database "
            f"{database!r} is {connections[database].vendor}. Nothing was changed"
        )
    rows = rows.using(database).order_by("pk").select_related(None)
    keys = list(rows.values_list("pk", flat=True)[: ROWS_AT_MOST + 1])
    if len(keys) > ROWS_AT_MOST:
        raise _too_many_rows(targets, rows.model)
    if not keys:
        return 0
    try:
        return retry_at_once(
            lambda: rotate_once(targets, rows.filter(pk__in=keys), len(keys)),
            on=Fault.DUPLICATE_TOKEN,
            tries=TRIES,
        )
    except DatabaseError as error:
        if not _may_quote(error):
            raise
        raise StatementError(f"PostgreSQL refused the statement: {reason_of(error)}") from None


def _may_quote(error: DatabaseError) -> bool:
    return isinstance(error, _QUOTING) or (sqlstate_of(error) or "")[:2] in _QUOTING_CODES


def rotate_token(row: Model, *, token: str | None = None, using: str | None = None) -> None:
    """Give a row a fresh token, and read it back.

    Token, marker and derived columns go into the instance. ``token`` as for ``rotate_rows``.

    Raises ObjectDoesNotExist if the row no longer exists, NoTokenError if it has no token, and what
    ``rotate_rows`` raises.
    """
    model = type(row)
    database = using or router.db_for_write(model, instance=row)
    changed = {
        column
        for target in _targets(model, database, token)
        for column in (target.token_column, target.marker_column, *target.derived)
    }
    fields = [field.attname for field in model._meta.concrete_fields if field.column in changed]
    with transaction.atomic(using=database):
        stored: QuerySet[Any] = QuerySet(model, using=database).filter(pk=row.pk)
        if not rotate_rows(stored, token=token):
            if stored.exists():
                raise NoTokenError(
                    f"this {model._meta.label} has no token, and a rotation gives it none. Nothing "
                    "was changed. To issue one, set the field and save the row"
                )
            raise ObjectDoesNotExist(f"{model._meta.label} {row.pk} no longer exists")
        row.refresh_from_db(using=database, fields=fields)
        _remember_save(row, UncommittedSave(database), fields)


def _remember_save(row: Model, saved: UncommittedSave, names: Sequence[str]) -> None:
    """Let a save of the row be a wish if the rotation is rolled back."""
    for guarded in guarded_of(type(row)):
        for field in guarded.tracked:
            if field.attname in names:
                keep_watch(field).remember_save(row, saved)


def _database(rows: Any) -> str:
    """Return the database that update() would write to."""
    return str(rows._db or router.db_for_write(rows.model, **rows._hints))  # noqa: SLF001


def _targets(model: type[Model], database: str, token: str | None) -> list[Target]:
    """Return the targets in the model's tables, once each.

    The guard may be declared by a proxy or a parent of the model.
    """
    found = [
        target
        for guarding in guarding_models(model)
        for target in _targets_of(guarding, database, token)
    ]
    targets = list({(each.table, each.token_column): each for each in reversed(found)}.values())
    for target in targets:
        if target.hides_keys:
            raise TokenUpdateError(
                f"{target.label}: the token is the primary key, so rotate_token() and "
                "rotate_rows() would leave the instances behind. Nothing was changed. Delete the "
                "row and create another"
            )
    if not targets:
        which = "token" if token is None else f"token {token!r}"
        raise ImproperlyConfigured(
            f"{model._meta.label} has no rotating {which}: its Meta.triggers lack guard()"
        )
    return targets[::-1]


def _targets_of(model: type[Model], database: str, token: str | None) -> list[Target]:
    if token is None:
        return targets_of(model, database)
    named = target_of(model, database, token)
    return [named] if named else []


def _too_many_rows(targets: Sequence[Target], model: type[Model]) -> TooManyRowsError:
    label = targets[0].label if len(targets) == 1 else model._meta.label
    command = replace(targets[0], label=label, is_only=False).command
    return TooManyRowsError(
        f"more than {ROWS_AT_MOST:,} rows of {label} at a time would hold their locks too long. "
        f"Nothing was changed. To rotate all pending rows, run: {command}"
    )
