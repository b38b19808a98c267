"""Inspect the guard triggers.

Are they present, enabled, up to date, and do they fire for everybody?
"""

from __future__ import annotations

from collections.abc import Iterator

from token_rotation.inspection.problem import MIGRATE, PGTRIGGER, Problem
from token_rotation.postgres.connection import Connection
from token_rotation.selection.target import GuardTrigger, Target
from token_rotation.sql import catalogue as catalogue_sql

_FIRES = {"O", "A"}

FoundTriggers = dict[str, tuple[str, str | None]]
"""Firing mode and stored digest of each trigger found, by its name in the database."""


def read_triggers(connection: Connection, target: Target) -> FoundTriggers:
    """Read the guard triggers that the table has."""
    names = [trigger.name for trigger in target.guard_triggers]
    values = {"table": target.table, "triggers": names}
    rows = connection.rows(catalogue_sql.trigger_states(), values)
    return {name: (mode, digest) for name, mode, digest in rows}


def trigger_states(target: Target, found: FoundTriggers) -> dict[str, str]:
    """Return the state of each guard trigger, by its uri.

    The state is "enabled", "disabled" or "missing".
    """
    return {each.uri: _state(found.get(each.name)) for each in target.guard_triggers}


def trigger_problems(target: Target, states: dict[str, str]) -> Iterator[Problem]:
    """Yield problems that stop a rotation: missing or disabled triggers."""
    for uri, state in states.items():
        name = uri.partition(":")[2]
        if state == "missing":
            yield Problem(
                "token_rotation.E003",
                f"The guard trigger {name} is missing on {target.table}",
                f"{MIGRATE} (if nothing is left to migrate: {PGTRIGGER} install {uri})",
            )
        elif state == "disabled":
            yield Problem(
                "token_rotation.E004",
                f"The guard trigger {name} is disabled on {target.table}",
                f"{PGTRIGGER} enable {uri}",
            )


def outdated_triggers(target: Target, found: FoundTriggers) -> Iterator[Problem]:
    """Yield a warning for each outdated trigger.

    The definition in the database is not the model's.
    """
    for trigger in target.guard_triggers:
        if trigger.name in found and found[trigger.name][1] != trigger.digest:
            yield _outdated(target, trigger)


def role_problems(connection: Connection, target: Target) -> tuple[list[Problem], list[Problem]]:
    """Return problems and warnings about sessions that escape the guard.

    No trigger fires for such a session.
    """
    role, exempt = connection.row(catalogue_sql.replication_role()) or ("origin", [])
    return [_replica_role()] if role == "replica" else [], [_exempt(target, who) for who in exempt]


def _state(found: tuple[str, str | None] | None) -> str:
    if found is None:
        return "missing"
    return "enabled" if found[0] in _FIRES else "disabled"


def _outdated(target: Target, trigger: GuardTrigger) -> Problem:
    return Problem(
        "token_rotation.W002",
        f"The guard trigger {trigger.uri.partition(':')[2]} on {target.table} is not the one that "
        "the model describes",
        f"{MIGRATE} (if nothing is left to migrate: {PGTRIGGER} install {trigger.uri})",
    )


def _replica_role() -> Problem:
    return Problem(
        "token_rotation.E007",
        "session_replication_role is replica on this connection, so no guard trigger fires",
        "ALTER ROLE ... RESET session_replication_role in psql, and check the connection's OPTIONS",
    )


def _exempt(target: Target, who: str) -> Problem:
    return Problem(
        "token_rotation.W001",
        f"The guard of {target.table} does not fire for {who}, whose session_replication_role is "
        "replica: a leaked token could come back through it",
        "ALTER ROLE (or DATABASE) ... RESET session_replication_role in psql",
    )
