"""Is the table ready: columns, guard triggers, indexes, tokens. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg2

from token_rotation.postgres.connection import Connection, Row
from token_rotation.postgres.failures import reason_of
from token_rotation.selection.target import GuardTrigger, Target
from token_rotation.sql import catalogue as catalogue_sql
from token_rotation.sql import probe as probe_sql

MIGRATE = "python manage.py migrate"
PGTRIGGER = "python manage.py pgtrigger"
PROBED = 3
_FIRES = {"O", "A"}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as it must be, and the command that mends it."""

    code: str
    sentence: str
    mend: str

    def __str__(self) -> str:
        return f"{self.sentence}. Run: {self.mend}"


@dataclass(frozen=True, slots=True)
class GuardState:
    """What guards the table now.

    ``triggers`` gives each guard trigger "enabled", "disabled" or "missing"; ``indexes`` gives
    "valid", "invalid" or "missing" for the pending index and, where tokens are unique, for theirs.
    ``problems`` stop a rotation; ``warnings`` do not.
    """

    triggers: dict[str, str]
    indexes: dict[str, str]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()

    @property
    def intact(self) -> bool:
        return not self.problems

    @property
    def holds(self) -> bool:
        """Whether every guard trigger fires, so that no leaked token can come back."""
        return bool(self.triggers) and set(self.triggers.values()) == {"enabled"}


def inspect(connection: Connection, target: Target) -> GuardState:
    """Look at the table's column, triggers and indexes, and at three tokens made for nothing."""
    missing = _missing_columns(connection, target)
    if missing is not None:
        return GuardState({}, {}, (missing,))
    names = [trigger.name for trigger in target.guard_triggers]
    rows = connection.rows(
        catalogue_sql.trigger_states(), {"table": target.table, "triggers": names}
    )
    found = {name: (mode, digest) for name, mode, digest in rows}
    triggers = {each.uri: _trigger_state(found.get(each.name)) for each in target.guard_triggers}
    indexes = _index_states(connection, target)
    role, exempt = connection.row(catalogue_sql.replication_role()) or ("origin", [])
    return GuardState(
        triggers,
        {name: state for name, (state, _) in indexes.items()},
        problems=(
            *_trigger_problems(target, triggers),
            *_index_problems(target, indexes),
            *_role_problems(role),
            *_token_problems(connection, target),
        ),
        warnings=(
            *(_exemption(target, who) for who in exempt),
            *(
                _outdated(target, each)
                for each in target.guard_triggers
                if each.name in found and found[each.name][1] != each.digest
            ),
        ),
    )


def _trigger_state(found: tuple[str, str | None] | None) -> str:
    if found is None:
        return "missing"
    return "enabled" if found[0] in _FIRES else "disabled"


def _missing_columns(connection: Connection, target: Target) -> Problem | None:
    columns = [target.key_column, target.token_column, target.marker_column]
    row = connection.row(catalogue_sql.column_exists(), {"table": target.table, "columns": columns})
    table_exists, found = row or (False, [])
    if not table_exists:
        return Problem("token_rotation.E001", f"There is no table {target.table} yet", MIGRATE)
    missing = [column for column in columns if column not in found]
    if missing:
        sentence = f"{target.table} has no column {', '.join(missing)} yet"
        return Problem("token_rotation.E002", sentence, f"{MIGRATE}{_add_marker(target, missing)}")
    return None


def _add_marker(target: Target, missing: list[str]) -> str:
    """How to get back a marker that was dropped by hand; no other column can be had again."""
    if missing != [target.marker_column]:
        return ""
    statement = f'ALTER TABLE "{target.table}" ADD COLUMN "{target.marker_column}" timestamptz'
    return f" (if nothing is left to migrate, in psql: {statement}; every row is pending then)"


def _trigger_problems(target: Target, triggers: dict[str, str]) -> Iterator[Problem]:
    for uri, state in triggers.items():
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


def _index_states(connection: Connection, target: Target) -> dict[str, tuple[str, str]]:
    """State and name of each needed index. Of several that fit, a valid one counts."""
    rows = connection.rows(catalogue_sql.index_states(), {"table": target.table})
    rows.sort(key=lambda row: row[3])
    states = {"pending": ("missing", "")}
    if target.token_is_unique:
        states["token"] = ("missing", "")
    for row in rows:
        kind = _kind_of_index(target, row)
        if kind in states:
            states[kind] = ("valid" if row[3] else "invalid", row[0])
    return states


def _kind_of_index(target: Target, row: Row) -> str | None:
    _, unique, predicate, _, columns = row
    if columns == [target.key_column] and predicate is not None:
        marker = target.marker_column
        if predicate in {f"({marker} IS NULL)", f'("{marker}" IS NULL)'}:
            return "pending"
    if columns == [target.token_column] and unique and predicate is None:
        return "token"
    return None


def _index_problems(target: Target, indexes: dict[str, tuple[str, str]]) -> Iterator[Problem]:
    for kind, (state, name) in indexes.items():
        if state == "missing":
            yield Problem(
                "token_rotation.E005",
                f"{target.table} has no {kind} index yet",
                f"{MIGRATE} (if nothing is left to migrate, in psql: {_make_index(target, kind)})",
            )
        elif state == "invalid":
            yield Problem(
                "token_rotation.E006",
                f"The {kind} index {name} of {target.table} is invalid",
                f"{MIGRATE} (if nothing is left to migrate, in psql: "
                f'REINDEX INDEX CONCURRENTLY "{name}")',
            )


def _make_index(target: Target, kind: str) -> str:
    if kind == "token":
        return f'CREATE UNIQUE INDEX CONCURRENTLY ON "{target.table}" ("{target.token_column}")'
    return (
        f'CREATE INDEX CONCURRENTLY ON "{target.table}" ("{target.key_column}") '
        f'WHERE "{target.marker_column}" IS NULL'
    )


def _role_problems(role: str) -> Iterator[Problem]:
    if role == "replica":
        yield Problem(
            "token_rotation.E007",
            "session_replication_role is replica on this connection, so that no guard trigger "
            "fires for it",
            "ALTER ROLE ... RESET session_replication_role in psql, and look at the connection's "
            "OPTIONS",
        )


def _token_problems(connection: Connection, target: Target) -> Iterator[Problem]:
    """Only of tokens made in SQL: those made in Python are looked at as they come."""
    expression = target.token_source.expression
    if expression is None:
        return
    wrong = _wrong_with_tokens(connection, target, expression)
    if wrong is not None:
        yield Problem(
            "token_rotation.E008",
            f"The expression that makes tokens for {target.table}.{target.token_column} {wrong}",
            "python manage.py makemigrations, after the fresh_token of its guard() was mended",
        )


def _wrong_with_tokens(connection: Connection, target: Target, expression: str) -> str | None:
    values = {"table": target.table, "column": target.token_column}
    try:
        row = connection.row(probe_sql.probe(expression), values)
    except psycopg2.DataError as error:
        return f"fails: {reason_of(error)}"
    except psycopg2.ProgrammingError as error:
        return f"is no SQL that this server can run: {reason_of(error)}"
    made, different, longest, room = row or (0, 0, 0, None)
    if made < PROBED:
        return "makes NULL"
    if different < made:
        return "gives several rows the same token: has it a subquery that depends on no row?"
    if room is not None and longest > room:
        return f"makes {longest} characters, and the column has room for {room}"
    return None


def _exemption(target: Target, who: str) -> Problem:
    return Problem(
        "token_rotation.W001",
        f"The guard of {target.table} does not fire for {who}, whose session_replication_role is "
        "replica: a leaked token could come back through it",
        "ALTER ROLE (or DATABASE) ... RESET session_replication_role in psql",
    )


def _outdated(target: Target, trigger: GuardTrigger) -> Problem:
    return Problem(
        "token_rotation.W002",
        f"The guard trigger {trigger.uri.partition(':')[2]} on {target.table} is not the one that "
        "the model describes",
        f"{MIGRATE} (if nothing is left to migrate: {PGTRIGGER} install {trigger.uri})",
    )
