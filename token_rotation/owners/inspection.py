"""Inspect whether the triggers of a notice fire: without them a stale save resets its markers."""

from __future__ import annotations

from typing import Any

from token_rotation.inspection.problem import Problem
from token_rotation.inspection.trigger_problems import trigger_problems
from token_rotation.owners.declaration import OwnerNotice
from token_rotation.owners.triggers import OfANotice
from token_rotation.postgres.reading import reading
from token_rotation.selection.shadow import Shadow
from token_rotation.targets.guard_trigger import guard_trigger


def notice_gaps(notice: OwnerNotice, database: str) -> tuple[Problem, ...]:
    """Return a problem for each trigger of the notice that does not do what the model says.

    Changes nothing. Raises DatabaseGoneError or StatementError.
    """
    with reading(database) as connection:
        return tuple(
            trigger_problems(
                connection, _marked_table(notice, database), so="owners may be told twice"
            )
        )


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
