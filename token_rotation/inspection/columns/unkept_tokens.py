"""Find tokens that were replaced before a table kept them, and that it would take again."""

from __future__ import annotations

import json
from collections.abc import Iterator

from token_rotation.inspection.keeping import accepts_sent, keeps
from token_rotation.inspection.problem import Problem
from token_rotation.postgres import driver, statements
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.faults.failures import fault_of
from token_rotation.postgres.faults.sqlstate import Fault
from token_rotation.selection.target import Target
from token_rotation.sql import records as records_sql
from token_rotation.sql.records import RECORDS, ROTATION, UNKEPT
from token_rotation.triggers.retired_sql import TABLE

LOOK_MS = 5_000


def named(target: Target) -> dict[str, str]:
    """Return what the input of each record of a target holds."""
    return {"model": target.label}


def unkept_problems(
    connection: Connection, target: Target, *, reads_hashes: bool
) -> Iterator[Problem]:
    """Yield a problem if a token that is sent may be one that was replaced, and not kept.

    A guard that issues all tokens itself needs no such memory. A look that ``reads_hashes`` also
    finds a first rotation without any. What cannot be told in time is a problem, too.
    """
    if not (accepts_sent(target) and keeps(target)):
        return
    names = {"records": RECORDS, "hashes": TABLE}
    found = connection.row(records_sql.may_read_records(), names)
    role, are_there, may_read, may_read_hashes = found or ("", False, False, False)
    if are_there and not may_read:
        yield _not_readable(role)
    if not (may_read and may_read_hashes):  # the latter is a problem of its own
        return
    values = {
        "late": UNKEPT,
        "rotation": ROTATION,
        "named": json.dumps(named(target)),
        "table": target.table,
        "source": f"{target.table}.{target.token_column}",
        "reads_hashes": reads_hashes,
        "statement_timeout_ms": LOOK_MS,
    }
    limit = statements.LIMIT_LOOK if reads_hashes else statements.EVERY_ROW_OR_ERROR
    try:
        look = statements.together(limit, records_sql.first_unkept())
        number = connection.value(look, values)
    except driver.Error as error:
        if fault_of(error) is not Fault.TIMED_OUT:
            raise
        yield _unkept(target, f"Within {LOOK_MS / 1000:g} s no look can tell whether all")
        return
    if number is not None:
        yield _unkept(target, f"Operation {number} says that not all")


def _not_readable(role: str) -> Problem:
    return Problem(
        "token_rotation.E056",
        f"The role {role} may not read {RECORDS}, which tells whether replaced tokens were kept",
        f'GRANT SELECT ON {RECORDS} TO "{role}" in psql',
    )


def _unkept(target: Target, beginning: str) -> Problem:
    return Problem(
        "token_rotation.E026",
        f"{beginning} replaced tokens of {target.table} are kept: some may have been replaced "
        "before, or their hashes are gone. Whoever sends such a token would have it stored",
        'take accept="sent" out of the guard(), since nothing can tell these tokens from new ones: '
        "docs/how-to/declare-tokens.md says what to do instead",
    )
