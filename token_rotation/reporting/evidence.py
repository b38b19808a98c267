"""What a rotation can show afterwards: what was done, and what is so now. It holds no secret."""

from __future__ import annotations

import getpass
import os
import platform
import shlex
import time
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from token_rotation import __version__
from token_rotation.engine.result import Result
from token_rotation.inspection.preflight import inspect
from token_rotation.operations.stored_output import StoredError
from token_rotation.options import RotationOptions
from token_rotation.postgres import statements
from token_rotation.postgres.connection import Connection, reading
from token_rotation.reporting.history import last_runs
from token_rotation.retired.kept import keeps, still_valid
from token_rotation.run.record import as_output
from token_rotation.selection.key_range import EVERY_KEY
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.selection import EVERY_ROW
from token_rotation.selection.target import Target
from token_rotation.sql import activity as activity_sql
from token_rotation.sql import counting as counting_sql
from token_rotation.sql.pending import values_of
from token_rotation.targets.lookup import count_listed

DISTRIBUTION = "django-token-rotation"
REPLICAS_AT_MOST_SECONDS = 10.0
LOOK_EVERY_SECONDS = 0.2

STILL_HOLDING = {
    "WAL archives": "old tokens can be read from them until they expire; shorten their retention "
    "or restrict access",
    "backups": "a restore brings old tokens back: rotate again, before anyone is let in",
    "replicas": "valid there until each has replayed past wal_position; one that is not connected "
    "is not listed",
    "dead rows": "readable from the data files until VACUUM: rotate_tokens --finish",
    "logs": "of proxies, web servers and clients that were given links with old tokens",
}
"""Places that a rotation does not reach."""


def document(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """The evidence of all targets."""
    return {
        "evidence": "rotation of leaked tokens",
        "program": DISTRIBUTION,
        "version": __version__,
        "user": _user(),
        "host": platform.node(),
        "targets": entries,
        "not_reached_by_a_rotation": STILL_HOLDING,
    }


def make_entry(
    target: Target,
    options: RotationOptions | None,
    *,
    result: Result | None,
    error: StoredError | None = None,
    leak_list: LeakList | None = None,
) -> dict[str, Any]:
    """The evidence of one target, looked up now. Without ``options`` nothing was rotated.

    It counts exactly, however long that takes, and waits up to ten seconds for standbys. Raises
    RotationError when the database cannot be asked.
    """
    with reading(target.database) as connection:
        role, database, version, now = connection.row(activity_sql.SERVER) or (None,) * 4
        guard = inspect(connection, target)
        pending = _pending(connection, target)
        listed = None if leak_list is None else _listed(connection, target, leak_list)
        retired = still_valid(connection, target) if keeps(target) else None
        wal_position = str(connection.value(activity_sql.WAL_POSITION))
        replicas = _replicas(connection, wal_position)
    runs = last_runs(target)
    return {
        "model": target.label,
        "table": target.table,
        "token_column": target.token_column,
        "database": database,
        "server_version": version,
        "role": role,
        "looked_at": now.isoformat() if isinstance(now, datetime) else None,
        "command": target.command,
        "selection": shlex.join(target.selection.cli_args) or None,
        "options": None if options is None else asdict(options),
        "rotation": None if result is None else as_output(result, error),
        "pending": pending,
        "list": listed,
        "rows_with_a_retired_token": retired,
        "guard": {
            "holds": guard.holds,
            "triggers": guard.triggers,
            "indexes": guard.indexes,
            "problems": [str(problem) for problem in guard.problems],
            "warnings": [str(warning) for warning in guard.warnings],
        },
        "wal_position": wal_position,
        "replicas": replicas,
        "last_runs": list(runs),
    }


def _pending(connection: Connection, target: Target) -> dict[str, Any]:
    """Queries that answer 0 when nothing is pending, and their answers: of the selection, and of
    all rows.
    """
    everything = _ask(connection, replace(target, selection=EVERY_ROW))
    if target.selection.is_indexed:
        return {"everywhere": everything}
    return {"selection": _ask(connection, target), "everywhere": everything}


def _ask(connection: Connection, target: Target) -> dict[str, Any]:
    query, values = counting_sql.count_pending(target, EVERY_KEY), values_of(target, EVERY_KEY)
    without_a_limit = statements.together(statements.WITHOUT_A_LIMIT, query)
    return {
        "query": connection.text(query, values),
        "answer": int(connection.value(without_a_limit, values)),
    }


def _listed(connection: Connection, target: Target, leak_list: LeakList) -> dict[str, Any]:
    """What the list still means; of a list of tokens, how many are valid."""
    count = count_listed(connection, target, leak_list, at_most_seconds=None)
    return {
        "name": leak_list.name,
        "of": leak_list.kind.name,
        "lines": leak_list.lines,
        "rows_found": count.stored_rows,
        "rows_still_to_be_rotated": count.meant_rows,
    }


def _replicas(connection: Connection, wal_position: str) -> list[dict[str, Any]]:
    """Each standby, and whether it has replayed past the position; None where that is hidden."""
    ends_at = time.monotonic() + REPLICAS_AT_MOST_SECONDS
    while True:
        rows = connection.rows(activity_sql.replicas(), {"wal_position": wal_position})
        if all(row[3] is not False for row in rows) or time.monotonic() >= ends_at:
            names = ("name", "state", "replay_position", "has_replayed_it")
            return [dict(zip(names, row, strict=True)) for row in rows]
        time.sleep(LOOK_EVERY_SECONDS)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())
