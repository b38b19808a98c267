"""What a checksum in the token costs, on the server and in Python."""

import statistics
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from matrix.programs import installed
from psycopg2.extensions import cursor as Cursor  # noqa: N812  (it is the class)

from benchmark.announce import announce
from benchmark.parts.part import Part
from benchmark.parts.rounds import shifted
from benchmark.processes.connection import connected, one_value
from benchmark.processes.databases import Databases
from benchmark.processes.processor_time import ProcessorTime
from benchmark.processes.server import temporary_server
from token_rotation.tokens.formats import TokenFormat, prefixed, urlsafe

ROWS_AT_MOST = 200_000
BATCH_ROWS = 4_000
LEAST_SECONDS = 0.01  # the clock of processor time ticks so
PLAIN, CHECKED = urlsafe(), prefixed("tkt_")
FUNCTION = import_module("token_rotation.migrations.0005_with_checksum").WITH_CHECKSUM
TABLE = (
    "CREATE TABLE IF NOT EXISTS findable"
    " (id bigint PRIMARY KEY, token text UNIQUE, issued_at timestamptz)"
)
FUNCTION_OF_TRIGGER = (
    "CREATE OR REPLACE FUNCTION fresh() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN NEW.token := {sql}; NEW.issued_at := clock_timestamp(); RETURN NEW; END $$"
)
TRIGGER = (
    "CREATE OR REPLACE TRIGGER fresh BEFORE INSERT ON findable"
    " FOR EACH ROW EXECUTE FUNCTION fresh()"
)
INSERT = "INSERT INTO findable (id) SELECT generate_series(1, %s)"
FROM_SQL = (
    "UPDATE findable SET token = {sql}, issued_at = clock_timestamp() WHERE id > %s AND id <= %s"
)
FROM_PYTHON = (
    "UPDATE findable SET token = made.token, issued_at = clock_timestamp()"
    " FROM unnest(%s) WITH ORDINALITY made (token, place)"
    " WHERE id = %s + made.place"
)


def measure_checksum_cost(databases: Databases, *, rows: int, rounds: int, quick: bool) -> Part:
    """Rows a second of `prefixed` to those of `urlsafe`, with crc32() and without.

    They are those of processor time: the difference is smaller than what others' work makes.
    All older versions that are installed have no crc32(); if ``quick``, one of them is measured.
    """
    rows = min(rows, ROWS_AT_MOST)
    with databases.clone(rows) as url:
        servers = {databases.server_version(): _measure(url, rows, rounds)}
    for version, programs in _without_crc32()[: 1 if quick else None]:
        announce(f"checksum: PostgreSQL {version}")
        with temporary_server({}, programs) as cluster:
            servers[_version_of(cluster.url())] = _measure(cluster.url(), rows, rounds)
    return Part("checksum", {"measured_rows": rows, "servers": servers})


def _without_crc32() -> list[tuple[str, Path]]:
    """Return the installed versions whose server has no crc32(), and their programs."""
    found = sorted(installed().items())
    if not found:
        announce("checksum: no PostgreSQL before 18 is installed, and none is measured")
    return found


def _version_of(url: str) -> str:
    """Return a version such as 15.18, without what a distribution adds."""
    return str(one_value(url, "SHOW server_version")).split()[0]


def _measure(url: str, rows: int, rounds: int) -> dict[str, object]:
    runs: dict[str, list[float]] = {way: [] for way in WAYS}
    with connected(url) as connection, connection.cursor() as cursor:
        cursor.execute(FUNCTION)
        for number in range(rounds):
            for way in shifted(tuple(WAYS), number):
                announce(f"checksum, round {number + 1} of {rounds}: {way}")
                runs[way].append(WAYS[way](cursor, rows))
    of_plain = {way: "insert urlsafe" if "insert" in way else "update urlsafe" for way in WAYS}
    ratios = {
        way: statistics.median(
            ours / plain for ours, plain in zip(runs[way], runs[of_plain[way]], strict=True)
        )
        for way in WAYS
    }
    medians = {way: statistics.median(rates) for way, rates in runs.items()}
    return {"rows_per_processor_second": medians, "ratio_to_urlsafe": ratios, "runs": runs}


def _insert(cursor: Cursor, rows: int, tokens: TokenFormat) -> float:
    for statement in (TABLE, "TRUNCATE findable", FUNCTION_OF_TRIGGER, TRIGGER):
        cursor.execute(statement.replace("{sql}", tokens.sql))
    return _rows_per_second(cursor, rows, lambda: cursor.execute(INSERT, [rows]))


def _update(cursor: Cursor, rows: int, tokens: TokenFormat) -> float:
    def work() -> None:
        for first in range(0, rows, BATCH_ROWS):
            cursor.execute(FROM_SQL.replace("{sql}", tokens.sql), [first, first + BATCH_ROWS])

    _insert(cursor, rows, PLAIN)
    return _rows_per_second(cursor, rows, work)


def _update_from_python(cursor: Cursor, rows: int, tokens: TokenFormat) -> float:
    def work() -> None:
        for first in range(0, rows, BATCH_ROWS):
            cursor.execute(FROM_PYTHON, [tokens.make(BATCH_ROWS), first])

    _insert(cursor, rows, PLAIN)
    return _rows_per_second(cursor, rows, work)


def _rows_per_second(cursor: Cursor, rows: int, work: Callable[[], None]) -> float:
    """Rows a second of processor time, here and in the session: others' work does not count."""
    session = cursor.connection
    server_before, own_before = ProcessorTime.session_seconds(session), time.process_time()
    work()
    server = ProcessorTime.session_seconds(session) - server_before
    return rows / max(server + time.process_time() - own_before, LEAST_SECONDS)


WAYS: dict[str, Callable[[Cursor, int], float]] = {
    "update urlsafe": lambda cursor, rows: _update(cursor, rows, PLAIN),
    "update prefixed": lambda cursor, rows: _update(cursor, rows, CHECKED),
    "update prefixed, made in Python": lambda cursor, rows: _update_from_python(
        cursor, rows, CHECKED
    ),
    "insert urlsafe": lambda cursor, rows: _insert(cursor, rows, PLAIN),
    "insert prefixed": lambda cursor, rows: _insert(cursor, rows, CHECKED),
}
