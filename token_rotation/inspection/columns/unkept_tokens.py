"""Find tokens that were replaced before a table kept them, and that it would take again."""

from __future__ import annotations

import json
from collections.abc import Iterator

from token_rotation.inspection.keeping import accepts_sent, keeps
from token_rotation.inspection.problem import Problem
from token_rotation.postgres.connection import Connection
from token_rotation.selection.target import Target
from token_rotation.sql import retired as retired_sql

RECORDS = "token_rotation_operation"
ROTATION = "rotation"
KEPT_LATE = "keep retired tokens"
"""The type of the record that keeping began when the guard was there already."""


def named(target: Target) -> dict[str, str]:
    """Return what the input of each record of a target holds."""
    return {"model": target.label}


def unkept_problems(connection: Connection, target: Target) -> Iterator[Problem]:
    """Yield a problem if a token that is sent may be one that was replaced, and not kept.

    A guard that issues all tokens itself needs no such memory.
    """
    if not (accepts_sent(target) and keeps(target)):
        return
    are_there, may_read = connection.row(retired_sql.may_read_records(), {"records": RECORDS}) or (
        False,
        False,
    )
    if are_there and not may_read:
        yield Problem(
            "token_rotation.E056",
            f"This role may not read {RECORDS}, which tells whether replaced tokens were kept",
            f"GRANT SELECT ON {RECORDS} TO the role, in psql",
        )
    if not may_read:
        return
    values = {
        "late": KEPT_LATE,
        "rotation": ROTATION,
        "named": json.dumps(named(target)),
        "source": f"{target.table}.{target.token_column}",
    }
    number = connection.value(retired_sql.first_unkept(), values)
    if number is not None:
        yield _unkept(target, number)


def _unkept(target: Target, number: int) -> Problem:
    return Problem(
        "token_rotation.E026",
        f"Operation {number} says that tokens of {target.table} were or may have been replaced "
        "before they were kept, or that their hashes are gone. Whoever sends one of them would "
        "have it stored",
        'take accept="sent" out of the guard(), since nothing can tell these tokens from new ones: '
        "docs/how-to/declare-tokens.md says what to do instead",
    )
