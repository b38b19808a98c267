"""A row without a token opens nothing: it is not pending, and no rotation gives it a token."""

import io
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.driver import sql as driver_sql
from tests.support.leaked import column, value
from tests.support.rotations import RotationFactory
from token_rotation.distributed.rounds.split import split
from token_rotation.engine.result import Outcome
from token_rotation.inspection.columns.absent_tokens import absent_problems
from token_rotation.inspection.counting import count_pending
from token_rotation.inspection.indexes import read_indexes
from token_rotation.inspection.verdict.heap_read import HeapRead
from token_rotation.inspection.verdict.verdict import Verdict
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.reading import reading
from token_rotation.postgres.statements import READ_IN_KEY_ORDER, together
from token_rotation.selection.key_range import EVERY_KEY, KeyRange
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.list_kinds import Kind
from token_rotation.selection.selection import Condition, Selection
from token_rotation.selection.target import EVERY_ROW_HAS_A_TOKEN, Absent, Target
from token_rotation.sql import batch, tokens
from token_rotation.sql.keys import ranges as key_ranges
from token_rotation.sql.pending import values_of
from token_rotation.sql.progress import progress
from token_rotation.targets.lookup import count_listed
from token_rotation.targets.resolve import KEYS
from token_rotation.tokens.random_uuids import random_uuids
from token_rotation.tokens.sources import PythonTokens, SqlTokens

pytestmark = pytest.mark.server_versions

ROWS, PRESENT = 300, 200
"""Each third row has no token."""

KINDS: dict[str, tuple[str, Absent, tuple[str, ...]]] = {
    "uuid, nullable": ("uuid", Absent(nullable=True), ("NULL",)),
    "varchar, nullable": ("varchar(40)", Absent(nullable=True, text=True), ("NULL", "''")),
    "text, blank": ("text NOT NULL", Absent(text=True), ("''",)),
    "char, nullable": ("char(40)", Absent(nullable=True, text=True), ("NULL", "''")),
}
TOKEN = '"to""ken"'
WITHOUT = {
    "uuid, nullable": f"{TOKEN}::text <> ''",
    "varchar, nullable": f"{TOKEN} <> ''",
    "text, blank": f"{TOKEN} <> ''",
    "char, nullable": f"{TOKEN} <> ''",
}
LEFT = f"SELECT count(*) FROM device WHERE coalesce({TOKEN}::text, '') = ''"


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["new index", "by hand", "old index"])
def predicate(request: pytest.FixtureRequest, kind: str) -> str:
    predicates = {"new index": f"AND {WITHOUT[kind]}", "by hand": f"AND {TOKEN} IS NOT NULL"}
    return predicates.get(request.param, "")


@pytest.fixture(params=[None, random_uuids])
def devices(
    request: pytest.FixtureRequest, tickets: Any, target: Target, kind: str, predicate: str
) -> Target:
    """A table of 300 rows, of which 200 have a leaked token."""
    column_type, absent, nothing = KINDS[kind]
    none = f"(ARRAY[{','.join(nothing)}])[1 + n / 3 % {len(nothing)}]"
    tickets.cursor().execute(
        f"""
        CREATE TABLE device (id bigint PRIMARY KEY, {TOKEN} {column_type}, place timestamptz);
        INSERT INTO device SELECT n, CASE WHEN n % 3 > 0 THEN gen_random_uuid()::text
            ELSE {none} END::{column_type.removesuffix(" NOT NULL")}
        FROM generate_series(1, {ROWS}) AS n;
        CREATE INDEX ON device ({TOKEN});
        CREATE INDEX device_pending ON device (id) WHERE place IS NULL {predicate};
        CREATE TABLE leaked AS SELECT id, {TOKEN}::text AS token FROM device;
        ANALYZE device
        """
    )
    source = PythonTokens(request.param) if request.param else SqlTokens("gen_random_uuid()")
    return replace(
        target,
        table="device",
        key_column="id",
        token_column='to"ken',
        marker_column="place",
        token_source=source,
        token_is_unique=False,
        absent=absent,
        guard_triggers=(),
    )


def changed(tickets: Any) -> list[int]:
    return column(
        tickets,
        f"SELECT id FROM device JOIN leaked USING (id) "
        f"WHERE {TOKEN}::text IS DISTINCT FROM leaked.token ORDER BY id",
    )


def read(connection: Connection, target: Target) -> tuple[int, int, int, int]:
    """Read the heap: rows, pending rows, rows without a token, rows with a later marker."""
    verdict = HeapRead(connection, target, at_most_seconds=None).run()
    assert isinstance(verdict, Verdict)
    return verdict.rows, verdict.pending, verdict.sums.absent, verdict.sums.later


WITH_A_TOKEN = [n for n in range(1, ROWS + 1) if n % 3]


SELECTIONS = [
    Selection(),
    Selection(issued_before=datetime(2026, 1, 1, tzinfo=UTC)),
    Selection(condition=Condition('"device"."id" > %s', (0,))),
]


@pytest.fixture
def choices(request: pytest.FixtureRequest) -> tuple[Selection, int]:
    """A selection and a number of workers: with each of all that varies, not with each of each."""
    at = request.node.callspec.indices
    turn = at["kind"] + at["predicate"] + at["devices"]
    return SELECTIONS[turn % len(SELECTIONS)], 1 + (at["kind"] // 2 + at["predicate"]) % 2


def test_a_rotation_passes_them_by(
    tickets: Any, devices: Target, rotation: RotationFactory, choices: tuple[Selection, int]
) -> None:
    selection, workers = choices
    narrowed = replace(devices, selection=selection)
    with reading(devices.database) as connection:
        assert count_pending(connection, narrowed).rows == PRESENT
        assert read(connection, narrowed) == (ROWS, PRESENT, ROWS - PRESENT, 0)
    result = rotation(target=narrowed, batch_rows=30, workers=workers).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, PRESENT)
    assert changed(tickets) == WITH_A_TOKEN
    assert value(tickets, LEFT) == ROWS - PRESENT
    with reading(devices.database) as connection:
        assert count_pending(connection, narrowed).rows == 0
        assert read(connection, narrowed) == (ROWS, 0, ROWS - PRESENT, 0)
        assert connection.rows(*progress([devices]))[-1][5:8] == (ROWS, PRESENT, 0)
        tickets.cursor().execute("UPDATE device SET place = 'infinity' WHERE id <= 3")
        pending = 2 if selection.issued_before else 0  # the third has no token
        assert read(connection, narrowed) == (ROWS, pending, ROWS - PRESENT, 2)


@pytest.mark.parametrize("statistics", ["right", "of a table without a token"])
def test_either_index_serves_whatever_the_statistics_say(
    tickets: Any, devices: Target, kind: str, predicate: str, statistics: str
) -> None:
    if statistics != "right":
        nothing = "''" if devices.absent == Absent(text=True) else "NULL"
        tickets.cursor().execute(
            "ALTER TABLE device SET (autovacuum_enabled = false);"
            f"UPDATE device SET {TOKEN} = {nothing}; ANALYZE device;"
            f"UPDATE device SET {TOKEN} = gen_random_uuid();"
            f"INSERT INTO device SELECT n, gen_random_uuid() FROM generate_series(1000, 20000) n"
        )
    token = tokens.made_by("gen_random_uuid()")
    few = KeyRange(10, 60)
    with reading(devices.database) as connection:
        assert read_indexes(connection, devices)["pending"] == ("valid", "device_pending")
        for query in (
            key_ranges.batch_upper_key(devices, few),
            batch.update_range(devices, few, tokens.sets_token(devices, token)),
            batch.update_free_rows(devices, few, tokens.sets_token(devices, token)),
        ):
            values = {**values_of(devices, few), "batch_rows": 50}
            text = together(READ_IN_KEY_ORDER, driver_sql.SQL("EXPLAIN {}").format(query))
            plan = "\n".join(line for (line,) in connection.rows(text, values))
            assert "ken_idx" not in plan, plan
            if WITHOUT[kind] in predicate:
                assert "using device_pending" in plan, plan
            # Else PostgreSQL reads each row, so the primary key's index may cost the same.
            assert "Index Cond: ((id > 10) AND (id <= 60))" in plan, plan


def test_an_index_that_leaves_out_rows_with_a_token_does_not_serve(
    tickets: Any, devices: Target
) -> None:
    tickets.cursor().execute(
        "DROP INDEX device_pending;"
        f"CREATE INDEX device_pending ON device (id) WHERE place IS NULL AND {TOKEN}::text > 'a'"
    )
    with reading(devices.database) as connection:
        assert read_indexes(connection, devices)["pending"] == ("missing", "")


def test_an_index_without_them_does_not_serve_a_token_that_every_row_has(
    tickets: Any, devices: Target, predicate: str
) -> None:
    everywhere = replace(devices, absent=EVERY_ROW_HAS_A_TOKEN)
    with reading(devices.database) as connection:
        (state, _) = read_indexes(connection, everywhere)["pending"]
    assert state == ("missing" if predicate else "valid")


def test_ranges_of_a_distributed_rotation_leave_them_out(
    devices: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("token_rotation.distributed.rounds.split.LEAST_ROWS", 50)
    with reading(devices.database) as connection:
        ranges = split(connection, devices, PRESENT)
    assert [keys.upper for keys in ranges] == ["74", "149", "224", None]


def test_a_listed_key_without_a_token_gets_none(
    tickets: Any, devices: Target, rotation: RotationFactory
) -> None:
    text = "".join(f"{n}\n" for n in range(1, 31))
    narrowed = replace(devices, selection=Selection(list_args=("--only", "keys")))
    leak_list = LeakList(io.BytesIO(text.encode()), "keys", [Kind(KEYS, frozenset(), str)], KEYS)
    with reading(devices.database) as connection:
        count = count_listed(connection, narrowed, leak_list, at_most_seconds=None)
    assert (count.stored_rows, count.meant_rows, count.added_rows) == (30, 20, 0)
    assert rotation(target=narrowed, leak_list=leak_list).run().rotated_rows == 20
    assert changed(tickets) == [n for n in range(1, 31) if n % 3]


def test_a_token_taken_away_during_the_run_is_not_issued_again(
    tickets: Any, devices: Target, rotation: RotationFactory
) -> None:
    (_, _, (nothing, *_)) = next(each for each in KINDS.values() if each[1] == devices.absent)
    nothing = "''" if devices.absent == Absent(text=True) else nothing

    def take_away(_: object) -> None:
        tickets.cursor().execute(f"UPDATE device SET {TOKEN} = {nothing} WHERE id > 280")

    result = rotation(take_away, target=devices, batch_rows=30).run()
    assert result.outcome is Outcome.COMPLETE
    assert value(tickets, LEFT + " AND id > 280") == 20


@pytest.mark.parametrize(
    ("column_type", "stored", "allowed", "said"),
    [
        ("text NOT NULL UNIQUE", "''", Absent(), "have '' for a token"),
        ("text UNIQUE", "NULL", Absent(), "have NULL for a token"),
        ("varchar(9)", "''", Absent(), "have '' for a token"),
        ("uuid UNIQUE", "NULL", Absent(), "have NULL for a token"),
        ("text UNIQUE", "''", Absent(text=True), None),
        ("text UNIQUE", "NULL", Absent(nullable=True, text=True), None),
        ("uuid UNIQUE", "NULL", Absent(nullable=True), None),
        ("text UNIQUE", "'x'", Absent(), None),
        ("uuid NOT NULL UNIQUE", "gen_random_uuid()", Absent(), None),
    ],
)
def test_rows_without_a_token_that_the_field_does_not_allow_are_refused_by_name(
    tickets: Any, target: Target, column_type: str, stored: str, allowed: Absent, said: str | None
) -> None:
    tickets.cursor().execute(
        f"CREATE TABLE device (id bigint PRIMARY KEY, token {column_type});"
        f"INSERT INTO device VALUES (1, {stored})"
    )
    devices = replace(target, table="device", absent=allowed)
    with reading(target.database) as connection:
        problems, warnings = absent_problems(connection, devices)
    assert warnings == []
    assert [problem.code for problem in problems] == (["token_rotation.E041"] if said else [])
    if said:
        assert said in problems[0].sentence
        assert re.search("(null|blank)=True", problems[0].mend)


def test_where_no_index_tells_it_is_said(
    tickets: Any, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("token_rotation.inspection.columns.absent_tokens.LOOK_AT_MOST_MS", 50)
    tickets.cursor().execute(
        "CREATE VIEW slow AS SELECT subject FROM tickets_ticket, (SELECT pg_sleep(600)) AS slowly;"
        "INSERT INTO tickets_ticket (subject, status, created_at) VALUES ('', 'open', now())"
    )
    slow = replace(target, table="slow", token_column="subject")
    with reading(target.database) as connection:
        problems, warnings = absent_problems(connection, slow)
    assert (problems, {each.code for each in warnings}) == ([], {"token_rotation.W040"})


def test_the_whole_key_range_is_that_of_rows_with_a_token(tickets: Any, devices: Target) -> None:
    tickets.cursor().execute("DELETE FROM device WHERE id % 3 > 0")
    connection = Connection(devices.database)
    values = {**values_of(devices, EVERY_KEY), "batch_rows": 10, "walk_rows": 100}
    assert connection.rows(key_ranges.walk(devices, EVERY_KEY), values) == []
    connection.close()
