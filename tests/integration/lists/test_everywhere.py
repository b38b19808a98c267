"""A search of a whole database finds each copy of a listed token, and lists what it left out."""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections

from tests.support.driver import sql
from tests.support.everywhere import looked
from tests.support.leaked import leak, value
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.reading import reading
from token_rotation.selection.target import Target
from token_rotation.sql.lists import copies as copies_sql
from token_rotation.stop import StopSignal
from token_rotation.targets import lookup
from token_rotation.verification.everywhere import page_steps
from token_rotation.verification.everywhere.findings import Copies, Findings
from token_rotation.verification.everywhere.not_searched import Why
from token_rotation.verification.everywhere.options import SearchOptions
from token_rotation.verification.everywhere.table import Table

pytestmark = pytest.mark.server_versions

# Each column with an SQL expression of a copy of the token t.
UUID_COPIES = {
    "as_uuid uuid": "t",
    "as_uuids uuid[]": "ARRAY[gen_random_uuid(), t]",
    "as_text text": "t::text",
    "as_varchar varchar(36)": "t::text",
    "as_digits varchar(32)": "upper(replace(t::text, '-', ''))",
    "as_char char(40)": "t::text",
    "as_domain secret": "t::text",
    "as_bytes bytea": "uuid_send(t)",
    "in_bytes bytea": "'\\x80017d'::bytea || convert_to(t::text, 'UTF8') || '\\x00ff'",
    "in_raw_bytes bytea": "'\\x0a'::bytea || uuid_send(t) || '\\x0b'",
    "in_text text": "'see https://shop.example/o/' || t || '/?a=b'",
    "in_digits text": "'0' || replace(t::text, '-', '') || 'f'",
    "in_json json": """('{"a": [{"b": "x' || t || '"}]}')::json""",
    "in_jsonb jsonb": "jsonb_build_object('a', ARRAY[t])",
    "in_texts text[]": "ARRAY['x', 'y ' || t]",
    "in_row pair": "ROW(1, 'z ' || t)::pair",
}
ALONE = {name for name in UUID_COPIES if name.startswith("as_") and "[]" not in name}


def run(tables: Any, statements: str) -> None:
    with tables.cursor() as cursor:
        cursor.execute(statements)


def left_out(found: Findings) -> dict[Why, set[str]]:
    return {each.why: set(each.names) for each in found.not_searched}


def test_a_uuid_is_found_in_every_type_of_column_alone_and_inside_others(
    tickets: Any, target: Target
) -> None:
    columns = ", ".join(UUID_COPIES)
    run(
        tickets,
        "CREATE DOMAIN secret AS varchar(100); CREATE TYPE pair AS (a int, b text);"
        f"CREATE TABLE copies (n bigserial, {columns});"
        "INSERT INTO copies DEFAULT VALUES",
    )
    tokens = [uuid4() for _ in UUID_COPIES]
    with tickets.cursor() as cursor:
        for token, (column, copy) in zip(tokens, UUID_COPIES.items(), strict=True):
            name = column.split()[0]
            for t in (token, uuid4()):  # and one that did not leak
                cursor.execute(
                    f"INSERT INTO copies ({name}) SELECT {copy} FROM (SELECT %s::uuid AS t) AS one",
                    (str(t),),
                )
    found = looked(target, tokens)
    expected = [
        Copies("public.copies", name.split()[0], 1, int(name in ALONE)) for name in UUID_COPIES
    ]
    assert sorted(found.copies, key=repr) == sorted(expected, key=repr)
    assert "public.copies" in found.tables
    assert found.is_complete
    assert looked(target, [uuid4()]).copies == ()


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "https://shop.example/{}?x=1",
        "reset-{}_by_mail",
        "abc{}xyz",
        "two: {0} and {0}",
        "é{}é",
    ],
)
def test_a_text_token_is_found_between_whatever_stands_around_it(
    tickets: Any, target: Target, text: str
) -> None:
    token = secrets.token_urlsafe()
    run(tickets, "CREATE TABLE mail (body text, data jsonb, pickled bytea)")
    with tickets.cursor() as cursor:
        cursor.execute(
            "INSERT INTO mail SELECT t, jsonb_build_object('k', E'\\n' || t), convert_to(t, 'UTF8')"
            " FROM (SELECT %s AS t) AS one",
            (text.format(token),),
        )
        cursor.execute("INSERT INTO mail (body) VALUES (%s)", (secrets.token_urlsafe(),))
    found = looked(target, [secrets.token_urlsafe(), token])
    assert [(each.column, each.rows) for each in found.copies] == [
        ("body", 1),
        ("data", 1),
        ("pickled", 1),
    ]


def test_a_token_is_found_as_urls_and_json_write_it(tickets: Any, target: Target) -> None:
    token = "q+W3/er==" + secrets.token_hex(4)
    run(tickets, "CREATE TABLE log (url text, php text, plain text)")
    with tickets.cursor() as cursor:
        cursor.execute(
            "INSERT INTO log VALUES (%s, %s, %s)",
            (
                "/?t=" + token.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D"),
                '{"t": "' + token.replace("/", r"\/") + '"}',
                token,
            ),
        )
    assert [each.column for each in looked(target, [token]).copies] == ["url", "php", "plain"]


def test_numbers_are_found_in_columns_of_numbers(tickets: Any, target: Target) -> None:
    run(tickets, "CREATE TABLE codes (a bigint, b text, c int)")
    run(tickets, "INSERT INTO codes VALUES (123456789012, 'code 123456789012.', 7)")
    found = looked(target, ["123456789012", "999999999999"])
    assert [(each.column, each.alone_rows) for each in found.copies] == [("a", 1), ("b", 0)]


def test_tokens_of_different_lengths_are_told_apart(tickets: Any, target: Target) -> None:
    short, long = "abcdefgh1", "abcdefgh1" + "2" * 90
    run(tickets, f"CREATE TABLE t AS SELECT 'x{short}9' AS a, '{long[:-1]}' AS b, '{long}' AS c")
    columns = [each.column for each in looked(target, [long, "another-one-0"]).copies]
    assert columns == ["c"]
    assert [each.column for each in looked(target, [short]).copies] == ["a", "b", "c"]


def test_each_relation_is_read_once_under_its_own_name(tickets: Any, target: Target) -> None:
    token = uuid4()
    run(
        tickets,
        'CREATE SCHEMA "Other ""one"; CREATE TABLE "Other ""one"."T 1" ("C %s" text);'
        f"""INSERT INTO "Other ""one"."T 1" VALUES ('{token}');"""
        "CREATE TABLE whole (n int, t uuid) PARTITION BY LIST (n);"
        "CREATE TABLE part_1 PARTITION OF whole FOR VALUES IN (1);"
        "CREATE TABLE part_2 PARTITION OF whole FOR VALUES IN (2);"
        f"INSERT INTO whole VALUES (1, '{token}'), (2, '{token}'), (2, '{token}');"
        "CREATE TABLE parent (t uuid); CREATE TABLE child () INHERITS (parent);"
        f"INSERT INTO child VALUES ('{token}');"
        "CREATE MATERIALIZED VIEW kept AS SELECT t::text AS t FROM parent",
    )
    found = looked(target, [token])
    assert {(each.table, each.column, each.rows) for each in found.copies} == {
        ('Other "one.T 1', "C %s", 1),
        ("public.part_1", "t", 1),
        ("public.part_2", "t", 2),
        ("public.child", "t", 1),
        ("public.kept", "t", 1),
    }


def test_what_is_not_searched_is_listed_with_its_reason(
    tickets: Any, target: Target, limit_connections: Callable[[int], None]
) -> None:
    leak(tickets, 1)
    limit_connections(10)
    role = connections[target.database].settings_dict["USER"]
    run(
        tickets,
        "CREATE TABLE closed (t uuid); CREATE TABLE half (a text, b text, n int);"
        f"GRANT SELECT (a) ON half TO {role}; CREATE TABLE filtered (t uuid);"
        f"ALTER TABLE filtered ENABLE ROW LEVEL SECURITY; GRANT SELECT ON filtered TO {role};"
        f"CREATE VIEW seen AS SELECT 1 AS n; GRANT SELECT ON seen TO {role};"
        "CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER far FOREIGN DATA WRAPPER nothing;"
        "CREATE FOREIGN TABLE remote (t uuid) SERVER far; SELECT lo_create(0)",
    )
    found = looked(target, [uuid4()])
    reasons = left_out(found)
    run(tickets, "DROP TABLE closed, half, filtered; DROP VIEW seen")
    assert {"public.closed", "public.half"} <= reasons[Why.PRIVILEGE]
    assert reasons[Why.ROW_SECURITY] == {"public.filtered"}
    assert reasons[Why.VIEW] == {"public.seen"}
    assert reasons[Why.FOREIGN] == {"public.remote"}
    assert reasons[Why.LARGE_OBJECT] == {"1"}
    assert "postgres" in reasons[Why.DATABASE]
    assert any(name.startswith("timestamp with time zone ") for name in reasons[Why.TYPE])
    assert found.tables == ("public.tickets_ticket",)
    assert not found.is_complete
    (*_, last) = found.sentences("leaked.txt", 1)
    assert "the search is incomplete" in last


def test_short_tokens_are_not_taken_for_searched(tickets: Any, target: Target) -> None:
    found = looked(target, ["abc", "long-enough-1"])
    assert left_out(found)[Why.SHORT] == {"1"}
    assert not found.is_complete


def test_a_table_that_stays_locked_is_tried_again_and_then_named(
    tickets: Any, other: Any, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "LOCK_TIMEOUT_MS", 20)
    token = uuid4()
    run(tickets, f"CREATE TABLE locked AS SELECT '{token}'::uuid AS t; CREATE TABLE z (t uuid)")
    run(other, "LOCK TABLE locked IN ACCESS EXCLUSIVE MODE")
    found = looked(target, [token])
    assert left_out(found)[Why.LOCKED] == {"public.locked"}
    assert "public.z" in found.tables
    assert not found.is_complete

    released = looked(target, [token], watch=lambda *_: other.rollback())
    assert [each.table for each in released.copies] == ["public.locked"]
    assert released.is_complete


def test_a_row_that_changes_behind_the_reader_is_found(
    tickets: Any, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_steps, "FIRST_BYTES", 1)
    monkeypatch.setattr(page_steps, "MOST_GROWTH", 1.0)
    token = uuid4()
    run(
        tickets,
        "CREATE TABLE long AS SELECT n, gen_random_uuid() AS t FROM generate_series(1, 2000) n;"
        f"UPDATE long SET t = '{token}' WHERE n = 2000",
    )
    read: list[int] = []

    def watch(table: Table, done: int, pages: int) -> None:
        if table.name == "long":
            read.append(done)
            run(tickets, "UPDATE long SET t = gen_random_uuid() WHERE n = 2000")

    found = looked(target, [token], watch=watch)
    assert len(read) > 5
    assert [(each.table, each.rows) for each in found.copies] == [("public.long", 1)]


def test_a_table_that_is_rewritten_since_the_snapshot_is_read_again(
    tickets: Any, target: Target
) -> None:
    """Rows of a rewritten table are invisible to an older snapshot."""
    token = uuid4()
    run(tickets, f"CREATE TABLE a (t uuid); CREATE TABLE b AS SELECT '{token}'::text AS t")
    watched: list[str] = []

    def watch(table: Table, *_: int) -> None:
        if table.name == "a" and "a" not in watched:
            run(tickets, "ALTER TABLE b ALTER t TYPE uuid USING t::uuid")
        watched.append(table.name)

    found = looked(target, [token], watch=watch)
    assert watched.count("b") == 2
    assert [(each.table, each.rows) for each in found.copies] == [("public.b", 1)]
    assert found.is_complete


def test_a_table_that_is_dropped_meanwhile_holds_nothing(tickets: Any, target: Target) -> None:
    run(tickets, "CREATE TABLE a (t uuid); CREATE TABLE b (t uuid)")
    found = looked(
        target, [uuid4()], watch=lambda *_: run(tickets, "DROP TABLE IF EXISTS b CASCADE")
    )
    assert left_out(found)[Why.GONE] == {"public.b"}
    assert found.is_complete


def test_told_to_stop_it_names_the_tables_that_are_left(tickets: Any, target: Target) -> None:
    stop = StopSignal()
    run(tickets, "CREATE TABLE zz (t uuid)")
    found = looked(target, [uuid4()], stop=stop, watch=lambda *_: stop.request())
    assert "public.zz" in left_out(found)[Why.STOPPED]
    assert not found.is_complete


def test_a_table_that_holds_its_snapshot_for_too_long_is_left(
    tickets: Any, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_steps, "FIRST_BYTES", 1)
    token = uuid4()
    run(
        tickets,
        f"CREATE TABLE long AS SELECT '{token}'::uuid AS t UNION ALL"
        " SELECT gen_random_uuid() FROM generate_series(1, 1000)",
    )
    found = looked(target, [token], options=SearchOptions(0, snapshot_seconds=1e-9))
    assert left_out(found)[Why.SLOW] == {"public.long"}
    assert not found.is_complete
    # What it came across is said.
    assert [(each.table, each.rows) for each in found.copies] == [("public.long", 1)]


def test_no_statement_of_a_search_tells_a_token_to_the_servers_log(
    tickets: Any, target: Target
) -> None:
    log = Path(value(tickets, "SHOW data_directory")).parent / "server.log"
    if not log.exists():
        pytest.skip("the log of this server is somewhere else")
    database = value(tickets, "SELECT current_database()")
    for setting in ("log_statement = 'all'", "log_min_duration_statement = 0"):
        run(tickets, f'ALTER DATABASE "{database}" SET {setting}')
    run(tickets, "CREATE TABLE t AS SELECT gen_random_uuid() AS t FROM generate_series(1, 50)")
    with tickets.cursor() as cursor:
        cursor.execute("SELECT t::text FROM t")
        tokens = [token for (token,) in cursor.fetchall()]
    began = log.stat().st_size
    assert looked(target, tokens).copies[0].rows == 50
    said = log.read_bytes()[began:].decode()
    assert "COPY pg_temp.rotation_listed" in said
    assert "regexp_matches" in said
    parts = {part for token in tokens for part in (token[:13], token.replace("-", "")[:12])}
    assert not [part for part in parts if part in said]


@pytest.mark.parametrize("is_known", [True, False])
def test_the_list_is_read_once_a_statement_whatever_the_statistics_say(
    tickets: Any, target: Target, *, is_known: bool
) -> None:
    run(tickets, "CREATE TABLE t (a uuid, b text, c jsonb) WITH (autovacuum_enabled = false)")
    run(tickets, "INSERT INTO t SELECT gen_random_uuid(), '', '{}' FROM generate_series(1, 3000)")
    run(tickets, "UPDATE t SET b = 'x' || a, c = jsonb_build_object('a', a)")
    if is_known:
        run(tickets, "ANALYZE t")
    wanted = copies_sql.Wanted("[a-f0-9]{8,}", 32, 32, is_hex=True)
    columns = [copies_sql.SearchedColumn(*each) for each in (("a", "uuid"), ("b", "text"))]
    columns.append(copies_sql.SearchedColumn("c", "cast"))
    query = copies_sql.search("public", "t", columns, wanted, (0, None))
    with (
        reading(target.database) as connection,
        connection.transaction(copies_sql.SETTINGS, copies_sql.create(wanted)),
    ):
        connection.change(
            sql.SQL(
                "INSERT INTO pg_temp.rotation_listed SELECT "
                "convert_to(replace(gen_random_uuid()::text, '-', ''), 'UTF8') "
                "FROM generate_series(1, 5000); ANALYZE pg_temp.rotation_listed"
            )
        )
        plan = explained(connection, query)
    (of_list,) = [node for node in plan if node.get("Relation Name") == "rotation_listed"]
    (of_table,) = [node for node in plan if node.get("Relation Name") == "t"]
    assert (of_list["Actual Loops"], of_table["Actual Loops"]) == (1, 1)
    assert of_table["Node Type"] == "Tid Range Scan"


def explained(connection: Connection, query: sql.Composable) -> list[dict[str, Any]]:
    """Every node of the plan of a statement that was run."""
    answer = connection.value(sql.SQL("EXPLAIN (ANALYZE, FORMAT JSON) {}").format(query))
    nodes, waiting = list[dict[str, Any]](), [answer[0]["Plan"]]
    while waiting:
        nodes.append(waiting.pop())
        waiting += nodes[-1].get("Plans", [])
    return nodes
