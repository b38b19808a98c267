"""Note where tokens could be replaced before they were kept.

The table itself does not show it later, and ``unkept_tokens`` asks for the record.
"""

from __future__ import annotations

import logging
from typing import Any

from django.db import DatabaseError, connections, transaction

from token_rotation.errors import RotationError, UnknownTargetError
from token_rotation.inspection.columns.unkept_tokens import KEPT_LATE, named
from token_rotation.inspection.keeping import accepts_sent, keeps
from token_rotation.operations.models import BatchOperation
from token_rotation.postgres import driver, statements
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.reading import reading
from token_rotation.selection.target import Target
from token_rotation.sql import retired as retired_sql
from token_rotation.targets.discovery import find_targets
from token_rotation.triggers.guard_triggers import UpdateGuard
from token_rotation.triggers.retired import KeepRetired

LOOK_MS = 5_000
"""Dead rows may be many. What is not found out in time counts as found."""

logger = logging.getLogger(__name__)

_late: dict[str, list[Target]] = {}
"""By database: what could not be recorded before the running ``migrate``."""


def look_before(using: str, **_: Any) -> None:
    """Leave a record of each guarded table that keeps no replaced tokens yet, and is to.

    It comes before the triggers: ``migrate`` may be killed after it has created them.
    """
    _late[using] = []
    if connections[using].vendor != "postgresql":
        return
    try:
        targets = [target for target in find_targets(using) if keeps(target)]
        if targets:
            with reading(using) as connection:
                late = [each for each in targets if _is_late(connection, each)]
            _late[using] = [each for each in late if not _record(each, using)]
    except RotationError:
        return  # there is no target, or migrate says itself what it cannot reach


def record_after(using: str, **_: Any) -> None:
    """Record the rest, once the tables of records are there."""
    for target in _late.pop(using, []):
        if not _record(target, using):
            logger.warning(
                "%s: tokens that were replaced before this migrate were not kept, and no record "
                "says so, since the tables of operations are not as this code knows them",
                target.label,
            )


def _record(target: Target, using: str) -> bool:
    try:
        with transaction.atomic(using):
            leave_record(target)
    except DatabaseError:
        return False
    return True


def leave_record(target: Target) -> None:
    """Record that replaced tokens of a target are not all kept, once.

    Raises Django's DatabaseError.
    """
    records = BatchOperation.objects.using(target.database)
    if records.filter(operation_type=KEPT_LATE, input_data__contains=named(target)).exists():
        return
    with reading(target.database) as connection:
        oid, *_ = connection.row(retired_sql.keeping_state(), _values(target)) or (None,)
    input_data = {**named(target), "relation": oid}
    operation = records.create_synchronous(KEPT_LATE, input_data=input_data)
    operation.finish(failed=False, output_data=None)


def note_forgotten(database: str, *, older_than_days: int) -> None:
    """Leave a record of each target that takes sent tokens and whose old hashes are to be deleted.

    Raises RotationError where it cannot.
    """
    try:
        targets = [each for each in find_targets(database) if accepts_sent(each) and keeps(each)]
    except UnknownTargetError:
        return  # hashes of a guard that is gone
    with reading(database) as connection:
        values = [
            {"source": f"{each.table}.{each.token_column}", "days": older_than_days}
            for each in targets
        ]
        look = statements.together(statements.WITHOUT_A_LIMIT, retired_sql.any_older())
        forgotten = [
            each
            for each, value in zip(targets, values, strict=True)
            if connection.value(look, value)
        ]
    for target in forgotten:
        try:
            leave_record(target)
        except DatabaseError as error:
            raise RotationError(
                f"{target.label}: no record could be left that hashes are missing "
                f"({type(error).__name__}). Nothing was deleted"
            ) from error


def _is_late(connection: Connection, target: Target) -> bool:
    _, is_guarded, is_kept = connection.row(retired_sql.keeping_state(), _values(target)) or (
        None,
        False,
        False,
    )
    if is_kept or not is_guarded:
        return False
    look = statements.together(statements.LIMIT_LOOK, retired_sql.was_filled(target))
    try:
        return bool(connection.value(look, {"statement_timeout_ms": LOOK_MS}))
    except driver.Error:
        return True


def _values(target: Target) -> dict[str, str]:
    guard, keep = (_name(target, kind) for kind in (UpdateGuard.name, KeepRetired.name))
    return {"table": target.table, "guard": guard, "keep": keep}


def _name(target: Target, kind: str) -> str:
    return next(each.name for each in target.guard_triggers if each.short_name.startswith(kind))
