"""Try suspected triggers on one row, and roll it back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from token_rotation.inspection.columns.column_type import column_type
from token_rotation.inspection.problem import Problem
from token_rotation.inspection.triggers.other_triggers import Suspect
from token_rotation.inspection.triggers.tree import Relation
from token_rotation.postgres import driver, statements
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.driver import sql
from token_rotation.postgres.faults.failures import fault_of
from token_rotation.postgres.faults.sqlstate import Fault
from token_rotation.selection.target import Target
from token_rotation.sql import trial as trial_sql
from token_rotation.sql.tokens import made_by

LOCK_TIMEOUT_MS = 100
STATEMENT_TIMEOUT_MS = 2_000


def try_suspects(
    connection: Connection, target: Target, suspects: Iterable[Suspect]
) -> Iterator[Problem]:
    """Yield a problem for each relation on which a trigger overwrites tokens.

    A rotation, a stale save and an INSERT of one pending row are written and rolled back. Nothing
    is tried where no row is pending, or free, or this server takes no writes. Raises
    TokenSourceError; driver errors about the connection pass through.
    """
    by_relation: dict[Relation, list[Suspect]] = {}
    for suspect in suspects:
        by_relation.setdefault(suspect.trigger.relation, []).append(suspect)
    for relation, found in by_relation.items():
        done = _tried(connection, target, relation, found)
        if done is not None:
            yield _overwrites(found, done)


def _tried(
    connection: Connection, target: Target, relation: Relation, suspects: list[Suspect]
) -> str | None:
    """Return what a trigger overwrote, None for nothing, or where nothing can be told."""
    made = target.token_source.take(2)
    values = {"lock_timeout_ms": LOCK_TIMEOUT_MS, "statement_timeout_ms": STATEMENT_TIMEOUT_MS}
    limits = (statements.LIMIT_LOCK_WAIT, statements.LIMIT_STATEMENT)
    try:
        with connection.rolled_back(*limits, values=values):
            if not connection.value(trial_sql.can_write()):
                return None
            trial = _Trial(connection, target, relation)
            if not trial.begin(made):
                return None
            # An INSERT is tried without one: no AFTER trigger fires.
            has_later_inserts = any(
                "INSERT" in each.later_events and not each.by_statement for each in suspects
            )
            return trial.rotate() or (trial.insert() if has_later_inserts else None)
    except driver.Error as error:
        if fault_of(error) is Fault.CONNECTION:
            raise
        return None  # the engine meets the same error, or the row tells nothing


@dataclass
class _Trial:
    """Writes to one pending row, within a transaction that is rolled back."""

    connection: Connection
    target: Target
    relation: Relation
    key: object = None
    token_type: str = ""

    def begin(self, made: list[str] | None) -> bool:
        """Choose the row and its fresh tokens; return False without a row."""
        lock = trial_sql.lock_pending_row(self.target, self.relation.name, only=self._only)
        self.key = self._value(lock)
        if self.key is None:
            return False
        with self.connection.cursor() as cursor:
            found = column_type(cursor, self.target.table, self.target.token_column)
        self.token_type = str(found)
        expression = self.target.token_source.expression
        sent, other = (
            sql.Placeholder(name) if expression is None else made_by(expression)
            for name in ("sent", "other")
        )
        keep = trial_sql.keep_tokens(
            self.target, self.relation.name, (sent, other), only=self._only
        )
        values = dict(zip(("sent", "other"), made or (), strict=False))
        self.connection.value(keep, {"key": self.key, **values})
        return True

    def rotate(self) -> str | None:
        """Rotate the row, then save it as old code would."""
        self._change(trial_sql.rotate(*self._names, only=self._only))
        holds, is_pending = self._state()
        if is_pending:
            return None  # undone altogether: the engine sees that the row is pending
        if not holds:
            return "a rotation stored another token than the one that was written"
        written, _ = self._columns()
        self._change(trial_sql.save_stale(*self._names, written, only=self._only))
        holds, _ = self._state()
        return None if holds else "a stale save() replaced the fresh token"

    def insert(self) -> str | None:
        """Insert the row twice, and compare the tokens that the inserts got."""
        written, unique = self._columns()
        if not unique:
            return None
        names = ((trial_sql.SENT, trial_sql.FIRST), (trial_sql.OTHER, trial_sql.SECOND))
        for sent, into in names:
            insert = trial_sql.insert_again(
                *self._names,
                written=written,
                unique=unique,
                sent=sent,
                into=into,
                only=self._only,
            )
            self._change(insert)
        differ = self.connection.value(trial_sql.inserts_differ())
        return "two INSERTs got the same token" if differ is False else None

    @property
    def _only(self) -> bool:
        return self.relation.holds_rows

    @property
    def _names(self) -> tuple[Target, str, str]:
        return self.target, self.relation.name, self.token_type

    def _state(self) -> tuple[bool, bool]:
        row = self.connection.row(
            trial_sql.row_state(*self._names, only=self._only), {"key": self.key}
        )
        return row or (True, True)

    def _columns(self) -> tuple[list[str], list[str] | None]:
        row = self.connection.row(trial_sql.columns(), {"relation": self.relation.oid})
        return row or ([], None)

    def _value(self, query: sql.Composable) -> object:
        return self.connection.value(query, {"key": self.key})

    def _change(self, query: sql.Composable) -> None:
        self.connection.change(query, {"key": self.key})
        self.connection.change(statements.FIRE_DEFERRED_TRIGGERS)


def _overwrites(suspects: list[Suspect], done: str) -> Problem:
    names = " or ".join(each.named for each in suspects)
    later = [each.mend for each in suspects if each.later_events]
    look = [f"\\sf {each.trigger.function.signature}" for each in suspects]
    return Problem(
        "token_rotation.E032",
        f"The trigger {names} overwrites tokens: in a trial that was rolled back, {done}",
        f"{'; '.join(later or look)}; in psql. Or drop it",
    )
