"""Faults of rows: locked, asked for again, or refused by PostgreSQL."""

from __future__ import annotations

import time

import psycopg2
from psycopg2 import errors
from psycopg2.extensions import connection as Connection  # noqa: N812  (it is the class)

from soaking.faults.fault import Fault
from soaking.faults.stage import Stage
from soaking.violation import Violation

POISONED_ROWS = 5
MENDED_WITHIN_SECONDS = 60.0

_LOCK = "SELECT FROM tickets_ticket WHERE id = ANY(%s) FOR UPDATE SKIP LOCKED"
# Not of rows that are locked: this thread could wait for itself.
_ASK_AGAIN = (
    "UPDATE tickets_ticket SET token_rotated_at = NULL WHERE id IN ("
    "SELECT id FROM tickets_ticket WHERE id = ANY(%s) FOR UPDATE SKIP LOCKED)"
)
_BRIEFLY = "SET lock_timeout = '2s'"


class HeldLocks(Fault):
    """Rows stay locked while later faults happen."""

    name = "held locks"

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._holding: list[Connection] = []

    def inflict(self) -> bool:
        holder = psycopg2.connect(self.stage.cluster.url())
        self._holding.append(holder)
        with holder.cursor() as cursor:
            cursor.execute(_LOCK, [self.stage.some(self.stage.rows)])
        return True

    def mend(self) -> None:
        while self._holding:
            self._holding.pop().close()


class AskedAgain(Fault):
    name = "asked again"

    def inflict(self) -> bool:
        rows = [row for row in self.stage.some(self.stage.askable) if row not in self.stage.refused]
        self.stage.asked.update(rows)
        self.stage.execute(_ASK_AGAIN, values=[rows])
        return True


class Poison(Fault):
    """PostgreSQL refuses to change some rows, until they are mended. No writer writes them."""

    spoil: tuple[str, ...]
    cure: tuple[str, ...]

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._rows: list[int] = []

    def inflict(self) -> bool:
        if self._rows or self.stage.refused:
            return False
        rows = self.stage.some(self.stage.askable, POISONED_ROWS)
        listed = ", ".join(map(str, rows))
        spoil = [each.format(rows=listed) for each in self.spoil]
        try:
            self.stage.execute(_BRIEFLY, "BEGIN", *spoil, "COMMIT")
        except errors.LockNotAvailable:  # nothing was done; another fault may hold rows for long
            return False
        self._rows = rows
        self.stage.begin_refusals(rows)
        self.stage.hold(1.0, 4.0)
        return True

    def mend(self) -> None:
        if not self._rows:
            return
        deadline = time.monotonic() + MENDED_WITHIN_SECONDS
        while True:
            try:
                self.stage.execute(_BRIEFLY, *self.cure)
                break
            except (errors.LockNotAvailable, errors.DeadlockDetected):
                if time.monotonic() > deadline:
                    raise Violation("a rotation kept DDL out of the table for a minute") from None
        self._rows = []
        if self.stage.refused:
            self.stage.end_refusals()


class PoisonByCheck(Poison):
    """A check that old rows violate."""

    name = "rows that a check refuses"
    spoil = (
        "ALTER TABLE tickets_ticket ADD CONSTRAINT soak_check CHECK (id NOT IN ({rows})) NOT VALID",
    )
    cure = ("ALTER TABLE tickets_ticket DROP CONSTRAINT IF EXISTS soak_check",)


class PoisonByTrigger(Poison):
    """Somebody's audit that takes each row once."""

    name = "rows that an audit refuses"
    spoil = (
        "CREATE TABLE soak_audit (ticket_id bigint PRIMARY KEY)",
        "INSERT INTO soak_audit SELECT unnest(ARRAY[{rows}])",
        (
            "CREATE FUNCTION soak_audit() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN INSERT INTO soak_audit VALUES (NEW.id); RETURN NULL; END'"
        ),
        (
            "CREATE TRIGGER soak_audit AFTER UPDATE OF token ON tickets_ticket FOR EACH ROW "
            "WHEN (NEW.id IN ({rows})) EXECUTE FUNCTION soak_audit()"
        ),
    )
    cure = (
        "DROP TRIGGER IF EXISTS soak_audit ON tickets_ticket",
        "DROP FUNCTION IF EXISTS soak_audit",
        "DROP TABLE IF EXISTS soak_audit",
    )
