"""Inspect whether the triggers of a notice fire: without them a stale save resets its markers."""

from __future__ import annotations

from typing import Any

from token_rotation.errors import NotReadyError
from token_rotation.inspection.columns.missing_columns import missing_columns
from token_rotation.inspection.marker_triggers import marker_trigger_problems
from token_rotation.inspection.problem import Problem
from token_rotation.owners.declaration import OwnerNotice
from token_rotation.owners.triggers import OfANotice
from token_rotation.postgres.reading import reading
from token_rotation.selection.shadow import Shadow
from token_rotation.targets.guard_trigger import guard_trigger


def notice_gaps(notice: OwnerNotice, database: str) -> tuple[Problem, ...]:
    """Return a problem for each trigger of the notice that does not do what the model says.

    Changes nothing. Raises NotReadyError where a column is missing, DatabaseGoneError and
    StatementError.
    """
    with reading(database) as connection:
        table = _marked_table(notice, database)
        missing = missing_columns(connection, table.table, _columns(notice))
        if missing is not None:
            raise NotReadyError((str(missing),))
        return tuple(marker_trigger_problems(connection, table, so="owners may be told twice"))


def _columns(notice: OwnerNotice) -> list[str]:
    names = (notice.rotated, notice.marker, notice.refused)
    fields: list[Any] = [notice.model._meta.get_field(name) for name in names]
    return [field.column for field in fields]


def _marked_table(notice: OwnerNotice, database: str) -> Shadow:
    meta = notice.model._meta
    listed = getattr(meta, "triggers", [])
    ours = (each for each in listed if isinstance(each, OfANotice) and each.notice is notice)
    marker: Any = meta.get_field(notice.marker)
    return Shadow(
        label=notice.model_label,
        database=database,
        table=meta.db_table,
        key_column=meta.pk.column,
        marker_column=marker.column,
        assigned=(),
        guard_triggers=tuple(guard_trigger(notice.model, each) for each in ours),
    )
