"""The evidence of one target, looked up now."""

from __future__ import annotations

import shlex
import time
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from token_rotation.engine.result import Result
from token_rotation.inspection.keeping import keeps
from token_rotation.inspection.preflight import inspect
from token_rotation.inspection.verdict.heap_read import HeapRead
from token_rotation.inspection.verdict.verdict import Unread, Verdict
from token_rotation.options import RotationOptions
from token_rotation.postgres import statements
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.reading import reading
from token_rotation.reporting.guard_values import guard_values
from token_rotation.reporting.history import last_runs
from token_rotation.reporting.parts_of_evidence import is_complete, selection_is_complete
from token_rotation.retired.kept import still_valid
from token_rotation.run.recording.result_values import result_values
from token_rotation.selection.key_range import EVERY_KEY
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.target import Target
from token_rotation.sql import counting as counting_sql
from token_rotation.sql.pending import values_of
from token_rotation.sql.server import activity as activity_sql
from token_rotation.targets.lookup import ListCount, count_listed
from token_rotation.verification.looked_at import looked_at_by

REPLICAS_AT_MOST_SECONDS = 10.0
LOOK_EVERY_SECONDS = 0.2


def make_entry(
    target: Target,
    options: RotationOptions | None,
    *,
    result: Result | None,
    leak_list: LeakList | None = None,
    verdict: Verdict | Unread | None = None,
) -> dict[str, Any]:
    """Return the evidence of one target as of now.

    Without ``options`` nothing was rotated. ``verdict`` is that of the rotation or the report;
    without one the table is read now.

    It counts exactly, however long that takes, and waits up to 10 s for standbys. Raises
    RotationError when the database cannot be asked.
    """
    with reading(target.database) as connection:
        role, database, version, now = connection.row(activity_sql.SERVER) or (None,) * 4
        count = None if leak_list is None else _count(connection, target, leak_list)
        if result is not None and verdict is None:
            verdict = result.verdict
        if verdict is None:
            verdict = HeapRead(connection, target, at_most_seconds=None).run()
            verdict = _with_list(verdict, target, count)
        guard = inspect(connection, target)
        pending = _pending(connection, target)
        retired = still_valid(connection, target) if keeps(target) else None
        wal_position = str(connection.value(activity_sql.WAL_POSITION))
        replicas = _replicas(connection, wal_position)
    runs = last_runs(target)
    entry: dict[str, Any] = {
        "model": target.label,
        "table": target.table,
        "token_column": target.token_column,
        "database": database,
        "server_version": version,
        "role": role,
        "looked_at": now.isoformat() if isinstance(now, datetime) else None,
        "command": target.command,
        "selection": shlex.join(target.selection.cli_args) or None,
        "selected": target.selection.as_input(),
        "options": None if options is None else asdict(options),
        "rotation": None if result is None else result_values(result),
        "complete": False,
        "selection_complete": False,
        "completeness": verdict.as_values(),
        "tables_looked_at": looked_at_by(verdict).as_dict(),
        "pending": pending,
        "list": leak_list and count and _listed(leak_list, count),
        "rows_with_a_retired_token": retired,
        "guard": guard_values(guard),
        "wal_position": wal_position,
        "replicas": replicas,
        "last_runs": list(runs),
    }
    return {
        **entry,
        "complete": is_complete(entry),
        "selection_complete": selection_is_complete(entry),
    }


def _pending(connection: Connection, target: Target) -> dict[str, Any]:
    """Return queries that count pending rows, and their answers."""
    everything = _ask(connection, target.unnarrowed)
    if target.selection.condition is None:
        return {"everywhere": everything}
    return {"selection": _ask(connection, target), "everywhere": everything}


def _ask(connection: Connection, target: Target) -> dict[str, Any]:
    query = counting_sql.count_pending(target, EVERY_KEY, with_later=True)
    values = values_of(target, EVERY_KEY)
    without_a_limit = statements.together(statements.WITHOUT_A_LIMIT, query)
    return {
        "query": connection.text(query, values),
        "answer": int(connection.value(without_a_limit, values)),
    }


def _with_list(
    verdict: Verdict | Unread, target: Target, count: ListCount | None
) -> Verdict | Unread:
    """Add the rows that only a list tells from fresh ones."""
    if isinstance(verdict, Unread) or count is None:
        return verdict
    list_only = target.selection.is_list_only
    rows = count.meant_rows if list_only else count.added_rows
    return replace(verdict, listed=rows, list_only=list_only)


def _count(connection: Connection, target: Target, leak_list: LeakList) -> ListCount:
    return count_listed(connection, target, leak_list, at_most_seconds=None)


def _listed(leak_list: LeakList, count: ListCount) -> dict[str, Any]:
    """Return what the list still means.

    A token that is found is valid.
    """
    return {
        "name": leak_list.name,
        "of": leak_list.kind.name,
        "lines": leak_list.lines,
        "rows_found": count.stored_rows,
        "rows_still_to_be_rotated": count.meant_rows,
    }


def _replicas(connection: Connection, wal_position: str) -> list[dict[str, Any]]:
    """Return each standby, and if it has replayed the position.

    The answer is None where PostgreSQL hides it from this role.
    """
    ends_at = time.monotonic() + REPLICAS_AT_MOST_SECONDS
    while True:
        rows = connection.rows(activity_sql.replicas(), {"wal_position": wal_position})
        if all(row[3] is not False for row in rows) or time.monotonic() >= ends_at:
            names = ("name", "state", "replay_position", "has_replayed_it")
            return [dict(zip(names, row, strict=True)) for row in rows]
        time.sleep(LOOK_EVERY_SECONDS)
