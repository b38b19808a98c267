"""Note in a ``migrate`` where tokens could be replaced before they were kept."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from django.apps.registry import Apps
from django.db import DatabaseError, connections

from token_rotation.errors import RotationError
from token_rotation.inspection.keeping import keeps
from token_rotation.postgres import driver, statements
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.reading import reading
from token_rotation.retired.unkept_record import leave_record
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


def look_before(using: str, apps: Apps, **_: Any) -> None:
    """Leave a record of each guarded table that keeps no replaced tokens yet, and is to.

    It comes before the triggers: ``migrate`` may be killed after it has created them.
    """
    _late[using] = []
    if connections[using].vendor != "postgresql":
        return
    try:
        targets = [_as_it_is(each, apps) for each in find_targets(using) if keeps(each)]
        if targets:
            with reading(using) as connection:
                late = [each for each in targets if _is_late(connection, each)]
            _late[using] = [each for each in late if not _record(each)]
    except RotationError:
        return  # there is no target, or migrate says itself what it cannot reach


def _as_it_is(target: Target, apps: Apps) -> Target:
    """Return the target with the name that its table has before the ``migrate``."""
    app_label, model, *_ = target.label.split(".")
    try:
        return replace(target, table=apps.get_model(app_label, model)._meta.db_table)
    except LookupError:
        return target


def record_after(using: str, **_: Any) -> None:
    """Record the rest, once the tables of records are there."""
    for target in _late.pop(using, []):
        if not _record(target):
            logger.warning(
                "%s: tokens that were replaced before this migrate were not kept, and no record "
                "says so, since the tables of operations are not as this code knows them",
                target.label,
            )


def _record(target: Target) -> bool:
    try:
        leave_record(target)
    except DatabaseError:
        return False
    return True


def _is_late(connection: Connection, target: Target) -> bool:
    guard, keep = (_name(target, kind) for kind in (UpdateGuard.name, KeepRetired.name))
    values = {"table": target.table, "guard": guard, "keep": keep}
    is_guarded, is_kept = connection.row(retired_sql.keeping_state(), values) or (False, False)
    if is_kept or not is_guarded:
        return False
    look = statements.together(statements.LIMIT_LOOK, retired_sql.was_filled(target))
    try:
        return bool(connection.value(look, {"statement_timeout_ms": LOOK_MS}))
    except driver.Error:
        return True


def _name(target: Target, kind: str) -> str:
    return next(each.name for each in target.guard_triggers if each.short_name.startswith(kind))
