"""What the guard's trigger costs the application when it inserts."""

import statistics
import time

from psycopg2.extensions import cursor as Cursor  # noqa: N812  (it is the class)
from psycopg2.sql import SQL, Identifier

from benchmark.announce import announce
from benchmark.parts.part import Part
from benchmark.parts.rounds import shifted
from benchmark.parts.verdict import Verdict
from benchmark.processes.connection import connected, one_value
from benchmark.processes.databases import Databases

INSERTED_ROWS_AT_MOST = 200_000
LEAST_RATIO = 0.65
_TRIGGER = (
    "SELECT tgname FROM pg_trigger"
    " WHERE tgrelid = 'tickets_ticket'::regclass AND tgname LIKE 'pgtrigger\\_guard\\_insert\\_%'"
)
_INSERT = (
    "INSERT INTO tickets_ticket (subject, status, created_at)"
    " SELECT 'The printer is on fire again', 'open', now() FROM generate_series(1, %s)"
)


def measure_insert_cost(databases: Databases, *, rows: int, rounds: int, warm_up: bool) -> Part:
    """Rows a second of one large INSERT with the trigger and without it.

    One statement for many rows shows the cost at its largest: a commit a row would hide it.
    """
    inserted = min(rows, INSERTED_ROWS_AT_MOST)
    runs: dict[bool, list[float]] = {True: [], False: []}
    for number in range(0 if warm_up else 1, rounds + 1):
        announce(f"inserts, {f'round {number} of {rounds}' if number else 'warm-up'}")
        for guarded in shifted((True, False), number):
            rate = _insert(databases, inserted, guarded=guarded)
            if number:
                runs[guarded].append(rate)
    with_trigger, without = statistics.median(runs[True]), statistics.median(runs[False])
    figures = {
        "inserted_rows": inserted,
        "rows_per_second_with_trigger": with_trigger,
        "rows_per_second_without": without,
        "rate_with_trigger_to_without": with_trigger / without,
        "microseconds_per_row": (1 / with_trigger - 1 / without) * 1e6,
        "runs": {"with_trigger": runs[True], "without": runs[False]},
    }
    ratio = with_trigger / without
    verdict = Verdict("rate with the guard / without", ratio, at_least=LEAST_RATIO)
    return Part("inserts", figures, [verdict])


def _insert(databases: Databases, rows: int, *, guarded: bool) -> float:
    with databases.clone(rows) as url:
        trigger = one_value(url, _TRIGGER)
        with connected(url) as connection, connection.cursor() as cursor:
            if not guarded:
                _disable(cursor, trigger)
            started = time.perf_counter()
            cursor.execute(_INSERT, [rows])
            return rows / (time.perf_counter() - started)


def _disable(cursor: Cursor, trigger: str) -> None:
    statement = SQL("ALTER TABLE tickets_ticket DISABLE TRIGGER {trigger}")
    cursor.execute(statement.format(trigger=Identifier(trigger)))
