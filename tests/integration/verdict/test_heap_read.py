"""Nothing counts as complete before one read of the table itself, whatever its indexes say."""

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from tests.support.lacking_index import lacking
from tests.support.leaked import leak, value
from tests.support.waiting import until
from token_rotation.inspection.verdict import heap_read
from token_rotation.inspection.verdict.heap_read import HeapRead
from token_rotation.inspection.verdict.verdict import Unread, Verdict
from token_rotation.postgres import statements
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.driver import sql
from token_rotation.postgres.reading import reading
from token_rotation.run.verify import verify
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.selection import Condition, Selection
from token_rotation.selection.target import Target
from token_rotation.targets.resolve import KEYS, TOKENS, list_kinds, resolve

pytestmark = pytest.mark.server_versions

ROTATE = "UPDATE tickets_ticket SET token = gen_random_uuid(), token_rotated_at = now()"

# A tree as other people's tables have it; each part with an index of its own.
TREE = {
    "partitions": """
        ALTER TABLE tickets_ticket RENAME TO flat;
        CREATE TABLE tickets_ticket (LIKE flat INCLUDING DEFAULTS) PARTITION BY RANGE (id);
        CREATE TABLE low PARTITION OF tickets_ticket FOR VALUES FROM (0) TO (100);
        CREATE TABLE high PARTITION OF tickets_ticket FOR VALUES FROM (100) TO (100000);
        CREATE INDEX tree_pending ON tickets_ticket (id) WHERE token_rotated_at IS NULL;
        CREATE INDEX tree_key ON tickets_ticket (id);
        INSERT INTO tickets_ticket SELECT * FROM flat;
        DROP TABLE flat CASCADE;
        """,
    "children": """
        CREATE TABLE high () INHERITS (tickets_ticket);
        CREATE INDEX high_id_idx ON high (id) WHERE token_rotated_at IS NULL;
        CREATE INDEX high_key ON high (id);
        INSERT INTO high SELECT * FROM tickets_ticket WHERE id >= 100;
        DELETE FROM ONLY tickets_ticket WHERE id >= 100;
        """,
}
RELATIONS = {
    "flat": ["public.tickets_ticket"],
    "partitions": ["public.tickets_ticket", "public.low", "public.high"],
    "children": ["public.tickets_ticket", "public.high"],
}


@pytest.fixture(params=["flat", "partitions", "children"])
def shape(request: pytest.FixtureRequest, tickets: Any) -> str:
    """600 leaked tickets in a table of each shape."""
    leak(tickets, 600)
    tickets.cursor().execute(TREE.get(request.param, "SELECT"))
    return str(request.param)


def read(target: Target, **options: Any) -> Verdict | Unread:
    with reading(target.database) as connection:
        return HeapRead(connection, target, **{"at_most_seconds": None, **options}).run()


def verdict_on(target: Target, **options: Any) -> Verdict:
    verdict = read(target, **options)
    assert isinstance(verdict, Verdict)
    return verdict


def test_every_relation_is_read_and_every_row_counted(
    tickets: Any, target: Target, shape: str
) -> None:
    verdict = verdict_on(target)
    assert sorted(each.name for each in verdict.relations) == sorted(RELATIONS[shape])
    assert (verdict.rows, verdict.pending, verdict.nothing_pending) == (600, 600, False)
    assert not verdict.damaged
    tickets.cursor().execute(ROTATE)
    verdict = verdict_on(target)
    assert (verdict.rows, verdict.pending, verdict.nothing_pending) == (600, 0, True)


def test_rows_that_the_index_lacks_are_found_and_the_index_is_named(
    tickets: Any, target: Target, shape: str
) -> None:
    index = {
        "flat": "tickets_ticket_pending",
        "partitions": "high_id_idx",
        "children": "high_id_idx",
    }[shape]
    tickets.cursor().execute(ROTATE)
    with lacking(tickets, index):
        tickets.cursor().execute("UPDATE tickets_ticket SET token_rotated_at = NULL WHERE id > 580")
    verdict = verdict_on(target)
    assert verdict.pending == 20
    (damaged,) = verdict.damaged
    assert (damaged.name, damaged.missing_rows) == (f'"public"."{index}"', 20)
    tickets.cursor().execute(damaged.mend)
    assert verdict_on(target).pending == 20
    assert not verdict_on(target).damaged


def test_a_pending_row_that_moves_behind_the_reader_is_counted(
    tickets: Any, target: Target, shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the first page was read, an UPDATE moves a row of the second page to the first."""
    monkeypatch.setattr(heap_read, "CHUNK_PAGES", 1)
    tickets.cursor().execute("DELETE FROM tickets_ticket WHERE ctid < '(1,0)'")
    tickets.cursor().execute(f"VACUUM {', '.join(RELATIONS[shape])}")
    second_page = "FROM tickets_ticket WHERE ctid >= '(1,0)' AND ctid < '(2,0)'"
    row = value(tickets, f"SELECT max(id) {second_page}")
    rows = value(tickets, "SELECT count(*) FROM tickets_ticket")
    moved_to = []

    def move(_done: int, _total: int) -> None:
        if not moved_to:
            update = (
                "UPDATE tickets_ticket SET subject = 'moved' WHERE id = %s RETURNING ctid::text"
            )
            moved_to.append(value(tickets, update, row))

    verdict = verdict_on(target, on_pages=move)
    assert moved_to[0].startswith("(0,")
    assert (verdict.rows, verdict.pending) == (rows, rows)


def test_one_part_after_another_is_read_by_row_address(
    tickets: Any, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    leak(tickets, 3000)
    monkeypatch.setattr(heap_read, "CHUNK_PAGES", 7)
    parts: list[tuple[int, int]] = []
    verdict = verdict_on(target, on_pages=lambda done, total: parts.append((done, total)))
    assert verdict.pending == 3000
    assert len(parts) > 3
    assert [done for done, _ in parts] == sorted({done for done, _ in parts})
    assert parts[-1][0] == parts[-1][1]


def test_a_read_that_takes_too_long_or_is_stopped_says_so(tickets: Any, target: Target) -> None:
    leak(tickets, 10)
    ticks = iter(range(100))
    verdict = read(target, at_most_seconds=1.0, clock=lambda: float(next(ticks)))
    assert verdict == Unread("the read was given up after 1 s")
    assert read(target, stopped=lambda: True) == Unread("the read was stopped")


def test_no_time_limit_of_a_read_is_left_at_its_commit(
    tickets: Any, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One that runs out there cancels the next statement, which had no limit.
    limits: list[str] = []
    send = Connection._send

    def look_at_commit(self: Connection, query: Any, values: Any = None) -> None:
        if query is statements.COMMIT:
            limits.append(self.value(sql.SQL("SHOW statement_timeout")))
        send(self, query, values)

    monkeypatch.setattr(Connection, "_send", look_at_commit)
    leak(tickets, 10)
    for ends in ({"at_most_seconds": 60.0}, {"at_most_seconds": 60.0, "stopped": lambda: True}):
        read(target, **ends)
    assert limits == ["0", "0"]


def test_a_table_that_others_keep_locked_is_not_waited_for_longer_than_allowed(
    tickets: Any, target: Target, other: Any
) -> None:
    leak(tickets, 1)
    other.cursor().execute("LOCK TABLE tickets_ticket IN ACCESS EXCLUSIVE MODE")
    assert isinstance(read(target, at_most_seconds=0.2), Unread)


def test_a_table_that_is_rewritten_during_the_read_waits_for_it(
    tickets: Any, target: Target, other: Any
) -> None:
    """To an older snapshot, a table that TRUNCATE or ALTER TABLE has rewritten seems empty."""
    leak(tickets, 10)
    refused = []

    def rewrite(_done: int, _total: int) -> None:
        with pytest.raises(Exception, match="lock timeout") as error:
            other.cursor().execute("SET LOCAL lock_timeout = 50; TRUNCATE tickets_ticket CASCADE")
        refused.append(error)
        other.rollback()

    assert verdict_on(target, on_pages=rewrite).pending == 10
    assert refused


def test_a_table_that_is_being_rewritten_is_read_as_it_is_afterwards(
    tickets: Any, target: Target, other: Any
) -> None:
    """A snapshot from before the rewrite would find no row in it."""
    leak(tickets, 10)
    other.cursor().execute("ALTER TABLE tickets_ticket ALTER COLUMN subject TYPE varchar(190)")
    waiting = (
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'tickets_ticket'::regclass"
    )
    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(verdict_on, target)
        until(lambda: value(tickets, waiting) > 0)
        other.commit()
        verdict = reader.result()
    assert (verdict.rows, verdict.pending) == (10, 10)


JOINS = {
    "children": (
        "CREATE TABLE joined (LIKE tickets_ticket INCLUDING ALL)",
        "ALTER TABLE joined INHERIT tickets_ticket",
    ),
    "partitions": (
        "CREATE TABLE joined (LIKE tickets_ticket)",
        "ALTER TABLE tickets_ticket ATTACH PARTITION joined FOR VALUES FROM (200000) TO (300000)",
    ),
}


@pytest.mark.parametrize("shape", list(JOINS), indirect=True)
def test_a_child_that_is_attached_during_the_read_is_read_too(
    tickets: Any, target: Target, shape: str
) -> None:
    """Neither statement waits for a reader."""
    create, attach = JOINS[shape]
    tickets.cursor().execute(ROTATE)
    tickets.cursor().execute(
        f"{create}; INSERT INTO joined (id, subject, status, created_at, token, "
        "token_rotated_at) SELECT 200001, 's', 'open', now(), gen_random_uuid(), NULL"
    )
    attached = []

    def join(_done: int, _total: int) -> None:
        if not attached:
            tickets.cursor().execute(attach)
            attached.append(True)

    verdict = verdict_on(target, on_pages=join)
    assert (verdict.rows, verdict.pending) == (601, 1)
    assert "public.joined" in [each.name for each in verdict.relations]


def test_a_tree_that_changes_during_each_read_is_not_verified(tickets: Any, target: Target) -> None:
    leak(tickets, 10)
    made = []

    def join(_done: int, _total: int) -> None:
        made.append(f"joined_{len(made)}")
        tickets.cursor().execute(
            f"CREATE TABLE {made[-1]} (LIKE tickets_ticket INCLUDING ALL);"
            f"ALTER TABLE {made[-1]} INHERIT tickets_ticket"
        )

    verdict = read(target, on_pages=join)
    assert verdict == Unread(
        "children or partitions of tickets_ticket came or went during each of 3 reads"
    )
    assert len(made) == heap_read.READS_AT_MOST


def test_rows_outside_of_a_selection_are_counted_apart(tickets: Any, target: Target) -> None:
    leak(tickets, 10)
    condition = Condition('"tickets_ticket"."id" <= %s', (3,))
    verdict = verdict_on(replace(target, selection=Selection(condition=condition)))
    assert (verdict.pending, verdict.outside, verdict.rows) == (3, 7, 10)
    cut_off = value(tickets, "SELECT clock_timestamp()")
    tickets.cursor().execute(f"{ROTATE} WHERE id IN (1, 4)")
    selection = Selection(issued_before=cut_off, condition=condition)
    verdict = verdict_on(replace(target, selection=selection))
    assert (verdict.pending, verdict.outside) == (2, 6)


def test_markers_that_no_clock_has_reached_are_counted(tickets: Any, target: Target) -> None:
    leak(tickets, 5)
    tickets.cursor().execute(
        "ALTER TABLE tickets_ticket DISABLE TRIGGER USER;"
        "UPDATE tickets_ticket SET token_rotated_at = CASE id WHEN 1 THEN 'infinity'::timestamptz "
        "WHEN 2 THEN '-infinity' WHEN 3 THEN now() + interval '1 day' ELSE now() END"
    )
    sums = verdict_on(target).sums
    assert (sums.later, sums.infinite) == (2, 2)


def test_settings_of_the_server_do_not_lead_the_read_to_an_index(
    tickets: Any, target: Target, connect: Callable[[str], Any]
) -> None:
    leak(tickets, 300)
    tickets.cursor().execute(ROTATE)
    with lacking(tickets, "tickets_ticket_pending"):
        tickets.cursor().execute("UPDATE tickets_ticket SET token_rotated_at = NULL WHERE id > 280")
    off = "; ".join(
        f'ALTER DATABASE "{tickets.info.dbname}" SET enable_{way} = off'
        for way in ("seqscan", "tidscan", "bitmapscan")
    )
    tickets.cursor().execute(off)
    assert verdict_on(target).pending == 20


def test_a_damaged_primary_key_hides_no_row_of_a_cut_off(tickets: Any, target: Target) -> None:
    """The look-ups of a selection go by the primary key."""
    leak(tickets, 100)
    tickets.cursor().execute("ALTER TABLE tickets_ticket DISABLE TRIGGER USER")
    tickets.cursor().execute("DELETE FROM tickets_ticket WHERE id > 90")
    with lacking(tickets, "tickets_ticket_pkey"):
        tickets.cursor().execute(
            "INSERT INTO tickets_ticket (id, subject, status, created_at, token, token_rotated_at) "
            "SELECT id, 's', 'open', now(), gen_random_uuid(), now() - interval '1 day' "
            "FROM generate_series(201, 210) AS id"
        )
    cut_off = value(tickets, "SELECT clock_timestamp()")
    verdict = verdict_on(replace(target, selection=Selection(issued_before=cut_off)))
    assert verdict.pending == 100
    (damaged,) = verdict.damaged
    assert (damaged.name, damaged.missing_rows) == ('"public"."tickets_ticket_pkey"', 10)


@pytest.mark.parametrize(
    ("of", "index"), [("tokens", "tickets_ticket_token_key"), ("keys", "tickets_ticket_pkey")]
)
def test_a_listed_row_that_its_index_lacks_is_found(
    tickets: Any, target: Target, of: str, index: str
) -> None:
    leak(tickets, 5000)
    tickets.cursor().execute("ALTER TABLE tickets_ticket DISABLE TRIGGER USER")
    with lacking(tickets, index):
        tickets.cursor().execute(
            "INSERT INTO tickets_ticket (id, subject, status, created_at, token, token_rotated_at) "
            "VALUES (7777, 's', 'open', now(), 'aaaaaaaa-0000-4000-8000-000000000000', NULL)"
        )
    listed = "7777" if of == "keys" else "aaaaaaaa-0000-4000-8000-000000000000"
    kind = KEYS if of == "keys" else TOKENS
    leak_list = LeakList(
        io.BytesIO(f"{listed}\n".encode()), "leaked.txt", list_kinds(target, kind), kind
    )
    verdict = verify(
        resolve(target, list_args=("--only", "leaked.txt")),
        at_most_seconds=None,
        observe=lambda _: None,
        leak_list=leak_list,
    )
    assert isinstance(verdict, Verdict)
    assert (verdict.pending, verdict.outside, verdict.nothing_pending) == (1, 5001, False)
    assert f'"{index}"' in [each.name for each in verdict.damaged]
