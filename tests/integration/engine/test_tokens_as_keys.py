"""Where the token is the primary key, every row rotates once, and no key leaves the server."""

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.driver import sql
from tests.support.leaked import value
from tests.support.rotations import RotationFactory
from tests.support.sent_statements import NOTE, sent_statements
from tickets.models import Ticket
from token_rotation.declare.pending_index import key_hash_index_name
from token_rotation.distributed.rounds import split as split_module
from token_rotation.distributed.rounds.split import split
from token_rotation.engine.result import Outcome
from token_rotation.errors import NotReadyError, RotationError
from token_rotation.events import BatchDone, Event
from token_rotation.inspection.indexes import read_indexes
from token_rotation.inspection.triggers.key_tokens import key_token_problems
from token_rotation.inspection.triggers.tree import read_tree
from token_rotation.intake.rotation import ReportedRotation
from token_rotation.notify.replay import listened_to
from token_rotation.postgres.reading import reading
from token_rotation.postgres.statements import READ_IN_KEY_ORDER, together
from token_rotation.schema import HashedKey
from token_rotation.selection.key_range import KeyRange
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.list_kinds import Kind
from token_rotation.selection.selection import Condition, Selection
from token_rotation.selection.target import GuardTrigger, Target
from token_rotation.selection.trigger_definition import FunctionDefinition, TriggerDefinition
from token_rotation.signals import tokens_rotated
from token_rotation.sql import batch
from token_rotation.sql import tokens as tokens_sql
from token_rotation.sql.keys import ranges as key_ranges
from token_rotation.sql.pending import values_of
from token_rotation.sql.progress import progress
from token_rotation.targets.later_rows import find_later_rows
from token_rotation.targets.resolve import TOKENS
from token_rotation.tokens.formats import hexadecimal
from token_rotation.tokens.sources import PythonTokens, SqlTokens

pytestmark = pytest.mark.server_versions

ROWS = 300
FORMAT = hexadecimal(40)
TABLE = f"""
CREATE TABLE pass (key {{type}} PRIMARY KEY, owner int UNIQUE, rotated timestamptz);
INSERT INTO pass SELECT substr(encode(sha256(n::text::bytea), 'hex'), 1, {{digits}})::{{type}}, n
FROM generate_series(1, {ROWS}) AS n;
CREATE INDEX pass_keys ON pass (hashtextextended(key::text, 0));
CREATE INDEX pass_pending ON pass (hashtextextended(key::text, 0)) WHERE rotated IS NULL;
CREATE TABLE leaked AS SELECT key, owner FROM pass;
CREATE TABLE change (owner int);
CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO change VALUES (NEW.owner); RETURN NULL; END $$;
CREATE TRIGGER note_change AFTER UPDATE ON pass FOR EACH ROW
WHEN (OLD.key IS DISTINCT FROM NEW.key) EXECUTE FUNCTION note_change();
ANALYZE pass;
"""
A_GUARD = TriggerDefinition(
    FunctionDefinition("a_guard()", "", "plpgsql", is_security_definer=False, settings=()),
    timing="BEFORE",
    events=frozenset({"UPDATE"}),
    level="ROW",
    condition="",
    helpers=(),
)
ONCE = "SELECT count(*) = count(DISTINCT owner) FROM change"
CHANGED = "SELECT count(*) FROM pass JOIN leaked USING (owner) WHERE pass.key <> leaked.key"
EVERY_KEY_EVER = "SELECT array(SELECT key::text FROM leaked UNION SELECT key::text FROM pass)"


def in_python(rows: int) -> list[str]:
    return FORMAT.make(rows)


@pytest.fixture(params=["in SQL", "in Python", "UUIDs"])
def passes(request: pytest.FixtureRequest, tickets: Any, target: Target) -> Target:
    """A table of 300 rows whose leaked tokens are the primary keys."""
    is_uuid = request.param == "UUIDs"
    table = TABLE.format(type="uuid" if is_uuid else "varchar(40)", digits=32 if is_uuid else 40)
    tickets.cursor().execute(table + NOTE.replace("tickets_ticket", "pass"))
    in_sql = SqlTokens("gen_random_uuid()" if is_uuid else FORMAT.sql)
    source = PythonTokens(in_python) if request.param == "in Python" else in_sql
    return replace(
        target,
        table="pass",
        key_column="key",
        token_column="key",
        marker_column="rotated",
        token_source=source,
        guard_triggers=(),
    )


@pytest.fixture
def heard() -> Iterator[list[dict[str, Any]]]:
    heard: list[dict[str, Any]] = []

    def hear(**named: Any) -> None:
        heard.append(named)

    tokens_rotated.connect(hear, sender=Ticket, weak=False)
    yield heard
    tokens_rotated.disconnect(hear, sender=Ticket)


def no_key_in(tickets: Any, text: str) -> None:
    """Neither a replaced nor a fresh one, nor its beginning."""
    assert text
    keys = value(tickets, EVERY_KEY_EVER)
    assert len(keys) >= ROWS
    assert [key for key in keys if key[:12] in text] == []


SELECTIONS = {
    "all": Selection(),
    "cut-off": Selection(issued_before=datetime(2026, 1, 1, tzinfo=UTC)),
    "filter": Selection(condition=Condition('"pass"."owner" > %s', (100,))),
}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("selection", SELECTIONS)
def test_each_selected_key_changes_once_and_no_message_holds_one(
    tickets: Any,
    passes: Target,
    rotation: RotationFactory,
    heard: list[dict[str, Any]],
    caplog: pytest.LogCaptureFixture,
    selection: str,
    workers: int,
) -> None:
    events: list[Event] = []
    chosen = replace(passes, selection=SELECTIONS[selection])
    rows = 200 if selection == "filter" else ROWS
    with caplog.at_level(logging.DEBUG):
        engine = rotation(events.append, target=chosen, workers=workers, batch_rows=20)
        result = engine.run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, rows)
    assert (value(tickets, CHANGED), value(tickets, ONCE)) == (rows, True)
    assert sum(each["rows"] for each in heard) == rows
    assert {each["keys"] for each in heard} == {()}
    assert any(isinstance(each, BatchDone) for each in events)
    no_key_in(tickets, f"{events} {heard} {caplog.text} {result}")
    if isinstance(passes.token_source, SqlTokens):  # else the server may log made tokens
        no_key_in(tickets, sent_statements(tickets))


def test_a_second_leak_changes_each_key_once_more(
    tickets: Any, passes: Target, rotation: RotationFactory
) -> None:
    assert rotation(target=passes, batch_rows=50).run().outcome is Outcome.COMPLETE
    tickets.cursor().execute("TRUNCATE change; UPDATE pass SET rotated = now() - interval '1 h'")
    later = Selection(issued_before=datetime.now(UTC))
    result = rotation(target=replace(passes, selection=later), batch_rows=50).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, ROWS)
    assert (value(tickets, "SELECT count(*) FROM change"), value(tickets, ONCE)) == (ROWS, True)


def test_keys_with_a_marker_of_the_future_change_too(
    tickets: Any, passes: Target, rotation: RotationFactory
) -> None:
    tickets.cursor().execute("UPDATE pass SET rotated = now() + interval '1 d' WHERE owner <= 30")
    asked = replace(passes, selection=Selection(issued_before=datetime(2026, 1, 1, tzinfo=UTC)))
    with reading(passes.database) as connection:
        asked, later = find_later_rows(connection, asked)
    result = rotation(target=asked, later=later, batch_rows=20).run()
    later.close()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, ROWS)
    assert (value(tickets, CHANGED), value(tickets, ONCE)) == (ROWS, True)


@pytest.mark.parametrize("which", ["--only", "--first"])
def test_a_list_of_tokens_names_its_rows_whatever_their_marker(
    tickets: Any, passes: Target, rotation: RotationFactory, which: str
) -> None:
    tickets.cursor().execute(
        "UPDATE pass SET rotated = now() WHERE owner % 2 = 0;"
        "CREATE TABLE named AS SELECT key, owner FROM pass WHERE owner <= 40"
    )
    keys = value(tickets, "SELECT array(SELECT key::text FROM named)")
    chosen = replace(passes, selection=Selection(list_args=(which, "leaked.txt")))
    listed = "".join(f"{key}\n" for key in [*keys, "f" * len(keys[0].replace("-", ""))]).encode()
    kinds = [Kind(TOKENS, frozenset(), str)]
    leak_list = LeakList(io.BytesIO(listed), "leaked.txt", kinds, TOKENS)
    result = rotation(target=chosen, leak_list=leak_list, batch_rows=7).run()
    leak_list.close()
    others = 0 if which == "--only" else 130
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, 40 + others)
    assert value(tickets, "SELECT count(*) FROM pass JOIN named USING (key)") == 0
    assert (value(tickets, CHANGED), value(tickets, ONCE)) == (40 + others, True)
    if isinstance(passes.token_source, SqlTokens):
        no_key_in(tickets, sent_statements(tickets))


def test_rows_that_postgresql_refuses_are_named_by_their_place(
    tickets: Any, passes: Target, rotation: RotationFactory
) -> None:
    tickets.cursor().execute(
        "ALTER TABLE pass ADD CONSTRAINT frozen CHECK (owner NOT IN (5, 77)) NOT VALID"
    )
    result = rotation(target=passes, batch_rows=40).run()
    refused = result.refused
    assert (result.rotated_rows, refused.rows) == (ROWS - 2, 2)
    assert all(each.name.startswith("pass ctid (") for each in refused.named)
    no_key_in(tickets, json.dumps(refused.as_values()) + refused.as_sentence())


def test_a_row_that_others_lock_is_waited_for(
    tickets: Any, other: Any, passes: Target, rotation: RotationFactory
) -> None:
    other.cursor().execute("SELECT FROM pass WHERE owner = 5 FOR UPDATE")
    result = rotation(target=passes, batch_rows=40, wait_for_locks_seconds=0.5).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.ROWS_LOCKED, ROWS - 1)
    other.rollback()
    assert rotation(target=passes).run().rotated_rows == 1
    assert (value(tickets, CHANGED), value(tickets, ONCE)) == (ROWS, True)


def test_ranges_of_a_spread_rotation_have_bounds_that_are_no_keys(
    tickets: Any, passes: Target, rotation: RotationFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(split_module, "LEAST_ROWS", 70)
    with reading(passes.database) as connection:
        ranges = split(connection, passes, ROWS)
    assert len(ranges) == 5
    no_key_in(tickets, str(ranges))
    for number, keys in enumerate(ranges, start=1):
        result = rotation(target=passes, bounds=keys, batch_rows=30).run()
        assert result.outcome is Outcome.COMPLETE
        assert value(tickets, CHANGED) == min(ROWS, 70 * number)
    assert value(tickets, ONCE)


OVERWRITES = """
CREATE FUNCTION overwrite() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN {body} RETURN NEW; END $$;
CREATE TRIGGER zz_overwrite BEFORE UPDATE ON pass FOR EACH ROW EXECUTE FUNCTION overwrite();
"""


@pytest.mark.parametrize("body", ["NEW.key := OLD.key;", "EXECUTE 'SELECT 1';"])
def test_a_trigger_that_may_write_the_key_ends_a_rotation_before_any_row_is_tried(
    tickets: Any, passes: Target, rotation: RotationFactory, body: str
) -> None:
    guard = GuardTrigger("a_guard", "m:guard_update", "", A_GUARD)
    tickets.cursor().execute(OVERWRITES.format(body=body))
    with pytest.raises(NotReadyError, match="zz_overwrite"):
        rotation(target=replace(passes, guard_triggers=(guard,))).run()
    assert value(tickets, CHANGED) == 0
    assert value(tickets, "SELECT count(*) FROM sent") == 0


def test_what_would_lose_a_key_is_a_problem(tickets: Any, passes: Target) -> None:
    tickets.cursor().execute(
        "CREATE TABLE child () INHERITS (pass);"
        "CREATE TABLE badge (of {type} CONSTRAINT badge_of REFERENCES pass)".format(
            type=value(tickets, "SELECT pg_typeof(key)::text FROM pass LIMIT 1")
        )
    )
    with reading(passes.database) as connection:
        tree = read_tree(connection, passes, with_conditions=False)
        found = list(key_token_problems(connection, passes, tree))
        assert list(key_token_problems(connection, replace(passes, key_column="owner"), tree)) == []
    assert [each.code[-4:] for each in found] == ["E063", "E062", "E063"]
    assert "replaced tokens are not kept" in found[0].sentence
    assert "badge_of of badge" in found[1].sentence
    assert "has partitions or children" in found[2].sentence


def test_the_report_by_ranges_shows_no_key(tickets: Any, passes: Target) -> None:
    with reading(passes.database) as connection:
        no_key_in(tickets, str(connection.rows(*progress([passes]))))


def test_a_replay_refuses(passes: Target, heard: list[dict[str, Any]]) -> None:
    with pytest.raises(RotationError, match="which no signal carries"):
        listened_to([passes])
    assert heard == []


@pytest.mark.plans
def test_a_batch_reads_a_stretch_of_an_index(tickets: Any, passes: Target) -> None:
    few = KeyRange(-(2**62), 2**62)
    token = tokens_sql.made_by("gen_random_uuid()")
    cut_off = replace(passes, selection=SELECTIONS["cut-off"])
    with reading(passes.database) as connection:
        for target, index, query in (
            (passes, "pass_pending", key_ranges.batch_upper_key(passes, few)),
            (
                passes,
                "pass_pending",
                batch.update_range(passes, few, tokens_sql.sets_token(passes, token)),
            ),
            (
                passes,
                "pass_pending",
                batch.update_free_rows(passes, few, tokens_sql.sets_token(passes, token)),
            ),
            (
                cut_off,
                "pass_keys",
                batch.update_range(cut_off, few, tokens_sql.sets_token(cut_off, token)),
            ),
            (cut_off, "pass_keys", key_ranges.walk(cut_off, few)),
        ):
            values = {**values_of(target, few), "batch_rows": 10, "walk_rows": 100}
            text = together(READ_IN_KEY_ORDER, sql.SQL("EXPLAIN {}").format(query))
            plan = "\n".join(line for (line,) in connection.rows(text, values))
            assert f"using {index}" in plan, plan
            assert "Seq Scan" not in plan, plan


def test_the_index_of_hashed_keys_is_needed(tickets: Any, passes: Target) -> None:
    with reading(passes.database) as connection:
        assert read_indexes(connection, passes) == {
            "pending": ("valid", "pass_pending"),
            "token": ("valid", "pass_pkey"),
            "key hash": ("valid", "pass_keys"),
        }
        tickets.cursor().execute("DROP INDEX pass_keys; DROP INDEX pass_pending")
        tickets.cursor().execute("CREATE INDEX pass_pending ON pass (key) WHERE rotated IS NULL")
        found = read_indexes(connection, passes)
    assert (found["pending"], found["key hash"]) == (("missing", ""), ("missing", ""))


def test_names_that_migrations_hold_stay() -> None:
    assert key_hash_index_name("authtoken_token") == "authtoken_toke_73c1ce_keyhash"
    assert HashedKey("key").deconstruct() == ("token_rotation.schema.HashedKey", ("key",), {})


def test_reported_keys_change_once_and_no_statement_or_outcome_tells_one(
    passes: Target, tickets: Any
) -> None:
    reported = value(tickets, "SELECT array(SELECT key::text FROM leaked LIMIT 50)")
    done = ReportedRotation(passes).run(reported)
    assert (done.found, done.left, done.left_keys, done.failure) == (set(reported), set(), [], None)
    assert len(done.keys) == value(tickets, CHANGED) == 50
    assert ReportedRotation(passes).run(reported).keys == []
    assert value(tickets, ONCE)
    said = sent_statements(tickets) + repr(done)
    assert "rotation_held" in said
    assert not any(key in said for key in value(tickets, EVERY_KEY_EVER))
