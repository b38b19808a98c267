"""A row that PostgreSQL refuses to change is left, named without a value; all others rotate."""

import io
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from tests.support.leaked import assert_each_token_changed_once, leak, pending, value
from tests.support.poison import POISONS, Poison
from tests.support.rotations import RotationFactory
from token_rotation.engine.batches import isolation, refusals
from token_rotation.engine.refused import Refused, RefusedRow
from token_rotation.engine.result import Outcome, Result
from token_rotation.events import BatchDone, Event, Remark, Waiting
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.target import Target
from token_rotation.stop import StopSignal
from token_rotation.targets.resolve import KEYS, list_kinds
from token_rotation.tokens.random_uuids import random_uuids
from token_rotation.tokens.sources import PythonTokens

CHECK = POISONS["a check that is not valid"]
COUNTED = (
    "CREATE SEQUENCE attempts; CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ "
    "BEGIN PERFORM nextval('attempts'); RAISE EXCEPTION 'no'; END $$; CREATE TRIGGER poison "
    "BEFORE UPDATE ON tickets_ticket FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION poison()"
)
RAISES = (
    "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ "
    "BEGIN RAISE SQLSTATE '{sqlstate}'; RETURN NEW; END $$; CREATE TRIGGER poison "
    "BEFORE UPDATE ON tickets_ticket FOR EACH ROW WHEN (OLD.id = 17) EXECUTE FUNCTION poison()"
)
ATTEMPTS = "SELECT last_value FROM attempts"


def poison(tickets: Any, kind: Poison, row: int) -> None:
    if tickets.info.server_version // 10_000 < kind.since_version:
        pytest.skip(f"PostgreSQL {kind.since_version} has it first")
    tickets.cursor().execute("SET session_replication_role = replica")  # past the guard
    tickets.cursor().execute(kind.made_by.format(id=row))
    tickets.cursor().execute("RESET session_replication_role")


def mend(tickets: Any, kind: Poison, row: int) -> None:
    tickets.cursor().execute(kind.mended_by.format(id=row))


def names(result: Result) -> list[str]:
    return [each.name for each in result.refused.named]


@pytest.mark.server_versions
@pytest.mark.parametrize("kind", POISONS.values(), ids=POISONS.keys())
def test_one_refused_row_is_named_without_a_value_and_stops_no_other(
    tickets: Any, rotation: RotationFactory, kind: Poison
) -> None:
    leak(tickets, 60)
    poison(tickets, kind, 17)
    secret = value(tickets, "SELECT token::text FROM leaked WHERE id = 17")
    told: list[Event] = []
    result = rotation(told.append, batch_rows=25).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.ROWS_REFUSED, 59)
    assert value(tickets, "SELECT id FROM tickets_ticket WHERE token_rotated_at IS NULL") == 17
    assert (result.refused.rows, names(result)) == (1, ["id 17"])
    (row,) = result.refused.named
    assert kind.sqlstate in row.reason
    assert kind.named in row.reason
    [remark] = [event.text for event in told if isinstance(event, Remark) and "17" in event.text]
    assert kind.sqlstate in remark
    assert secret[:8] not in f"{result} {told}"

    mend(tickets, kind, 17)
    assert rotation().run().outcome is Outcome.COMPLETE
    assert_each_token_changed_once(tickets)


@pytest.mark.parametrize("row", [1, 25, 26, 60])
@pytest.mark.parametrize("options", [{"limit_rows": 60}, {"workers": 3}, {"batch_rows": 1}])
def test_it_may_stand_anywhere_whatever_way_the_rows_are_rotated(
    tickets: Any, rotation: RotationFactory, row: int, options: dict[str, int]
) -> None:
    leak(tickets, 60)
    poison(tickets, CHECK, row)
    result = rotation(**{"batch_rows": 25} | options).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.ROWS_REFUSED, 59)
    assert names(result) == [f"id {row}"]


def test_a_row_is_tried_alone_once_a_rotation_however_many_passes_there_are(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 60)
    tickets.cursor().execute(COUNTED.format(when="OLD.id IN (17, 18)"))
    passes: list[Event] = []

    def ask_again(event: Event) -> None:
        if isinstance(event, BatchDone) and len(passes) < 5 and event.keys.upper == 60:
            passes.append(event)
            tickets.cursor().execute(
                "UPDATE tickets_ticket SET token_rotated_at = NULL WHERE id = 60"
            )

    result = rotation(ask_again, batch_rows=60).run()
    assert len(passes) == 5
    assert (result.outcome, result.rotated_rows) == (Outcome.ROWS_REFUSED, 63)
    # All sixty and 1-30; 16-30 and 16-22, or so; each row alone.
    assert value(tickets, ATTEMPTS) < 20
    assert names(result) == ["id 17", "id 18"]


@pytest.mark.parametrize("kind", ["a check that is not valid", "a trigger at COMMIT"])
def test_a_token_made_in_python_is_refused_as_the_servers_own(
    tickets: Any, rotation: RotationFactory, target: Target, kind: str
) -> None:
    leak(tickets, 60)
    poison(tickets, POISONS[kind], 17)
    made = replace(target, token_source=PythonTokens(random_uuids))
    result = rotation(target=made, batch_rows=25).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.ROWS_REFUSED, 59)
    assert names(result) == ["id 17"]


def test_where_every_row_is_refused_it_ends_after_a_bounded_number_of_attempts(
    tickets: Any, rotation: RotationFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "BARREN_ROWS", 2_000)
    leak(tickets, 20_000)
    tickets.cursor().execute(COUNTED.format(when="true"))
    result = rotation(batch_rows=20).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.ROWS_REFUSED, 0)
    assert result.refused.others_untried
    # Each row alone, and its halves; then of each batch the upper half, its upper half, ...
    most = 2 * isolation.REFUSED_IN_A_ROW + 10 * refusals.BARREN_BATCHES
    assert value(tickets, ATTEMPTS) < most < 20_000
    assert pending(tickets) == 20_000


def test_many_refused_rows_side_by_side_keep_no_other_row_back(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 4_000)
    tickets.cursor().execute(COUNTED.format(when="OLD.id BETWEEN 501 AND 1510"))
    result = rotation(batch_rows=100, workers=2).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.ROWS_REFUSED, 2_990)
    assert result.refused.others_untried
    assert 1_010 > result.refused.rows >= isolation.REFUSED_IN_A_ROW
    assert pending(tickets) == 1_010
    # Some three for each; twelve where each pass tries the refused rows again.
    assert value(tickets, ATTEMPTS) < 5 * result.refused.rows


def test_after_so_many_refused_rows_in_all_it_ends(
    tickets: Any, rotation: RotationFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "MOST_ROWS", 30)
    leak(tickets, 1_000)
    tickets.cursor().execute(COUNTED.format(when="OLD.id % 2 = 0"))
    result = rotation(batch_rows=100).run()
    assert (result.outcome, result.refused.rows) == (Outcome.ROWS_REFUSED, 30)
    assert result.refused.others_untried
    assert result.rotated_rows == 1_000 - pending(tickets) < 100


def test_a_row_that_others_lock_is_waited_for_beside_refused_ones(
    tickets: Any, other: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 60)
    poison(tickets, CHECK, 17)
    other.cursor().execute("SELECT FROM tickets_ticket WHERE id = 18 FOR UPDATE")
    waits: list[Event] = []

    def let_go(event: Event) -> None:
        if isinstance(event, Waiting):
            waits.append(event)
            other.rollback()

    result = rotation(let_go, batch_rows=60, wait_for_locks_seconds=60).run()
    assert waits
    assert (result.outcome, result.rotated_rows) == (Outcome.ROWS_REFUSED, 59)
    assert names(result) == ["id 17"]


def test_rows_that_stay_locked_end_it_with_the_refused_ones_named_too(
    tickets: Any, other: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 60)
    poison(tickets, CHECK, 17)
    other.cursor().execute("SELECT FROM tickets_ticket WHERE id = 18 FOR UPDATE")
    result = rotation(batch_rows=60, wait_for_locks_seconds=0.1).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.ROWS_LOCKED, 58)
    assert names(result) == ["id 17"]


def test_a_row_that_is_refused_only_when_it_is_free_at_last_is_named_too(
    tickets: Any, other: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 60)
    other.cursor().execute("SELECT FROM tickets_ticket WHERE id = 17 FOR UPDATE")
    waits: list[Event] = []

    def spoil_and_let_go(event: Event) -> None:
        if isinstance(event, Waiting) and not waits:
            waits.append(event)
            tickets.cursor().execute(COUNTED.format(when="OLD.id = 17"))
            other.rollback()

    result = rotation(spoil_and_let_go, batch_rows=60, wait_for_locks_seconds=60).run()
    assert waits
    assert (result.outcome, result.rotated_rows) == (Outcome.ROWS_REFUSED, 59)
    assert names(result) == ["id 17"]


@pytest.mark.parametrize("first", [True, False])
def test_a_list_goes_on_beside_a_refused_row_and_ends(
    tickets: Any, rotation: RotationFactory, target: Target, *, first: bool
) -> None:
    leak(tickets, 60)
    poison(tickets, CHECK, 17)
    args = ("--first" if first else "--only", "keys")
    selected = replace(target, selection=replace(target.selection, list_args=args))
    lines = io.BytesIO("\n".join(map(str, range(10, 30))).encode())
    with closing(LeakList(lines, "keys", list_kinds(target, KEYS), KEYS)) as keys:
        result = rotation(target=selected, leak_list=keys, batch_rows=5).run()
    assert (result.outcome, result.rotated_rows) == (
        Outcome.ROWS_REFUSED,
        59 if first else 19,
    )
    assert names(result) == ["id 17"]


def test_a_key_that_is_the_secret_is_named_by_its_place(
    tickets: Any, rotation: RotationFactory, target: Target
) -> None:
    leak(tickets, 60)
    poison(tickets, CHECK, 17)
    secret, place = (
        value(tickets, f"SELECT {what}::text FROM tickets_ticket WHERE id = 17")
        for what in ("token", "ctid")
    )
    told: list[Event] = []
    result = rotation(told.append, target=replace(target, key_column="token")).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.ROWS_REFUSED, 59)
    assert names(result) == [f"tickets_ticket ctid {place}"]
    said = f"{result} {[event for event in told if isinstance(event, Remark)]}"
    assert secret[:8] not in said


def test_a_stop_ends_it_in_the_middle_of_a_search(tickets: Any, rotation: RotationFactory) -> None:
    leak(tickets, 400)
    tickets.cursor().execute(COUNTED.format(when="OLD.id % 2 = 0"))
    stop = StopSignal()

    def stop_at_the_first(event: Event) -> None:
        if isinstance(event, Remark):
            stop.request()

    result = rotation(stop_at_the_first, stop, batch_rows=400).run()
    assert (result.outcome, result.refused.rows) == (Outcome.STOPPED, 1)
    assert result.rotated_rows == 400 - pending(tickets) < 100


def test_what_a_result_says_is_bounded_and_read_back() -> None:
    many = Refused(5_000, tuple(RefusedRow(f"id {n}", "why") for n in range(100)))
    said = many.as_sentence()
    assert said.count("id ") == 10
    assert "5,000 rows" in said
    assert "4,990 more" in said


@pytest.mark.server_versions
@pytest.mark.parametrize("sqlstate", ["40001", "55P03", "57014", "53100", "08006", "57P01"])
def test_a_row_for_which_a_trigger_raises_what_may_pass_is_left_out_when_the_time_is_up(
    tickets: Any, rotation: RotationFactory, sqlstate: str
) -> None:
    leak(tickets, 60)
    tickets.cursor().execute(RAISES.format(sqlstate=sqlstate))
    told: list[Event] = []
    result = rotation(told.append, batch_rows=25, retry_seconds=0.5).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.ROWS_REFUSED, 59)
    assert (result.refused.rows, names(result)) == (1, ["id 17"])
    assert sqlstate in result.refused.named[0].reason
    tickets.cursor().execute("DROP FUNCTION poison CASCADE")
    assert rotation().run().outcome is Outcome.COMPLETE


@pytest.mark.parametrize("name", ['"poisonsRow"', '"poison-row"', 'public."Poison row"'])
def test_a_function_of_any_name_is_known_as_one(
    tickets: Any, rotation: RotationFactory, name: str
) -> None:
    leak(tickets, 60)
    raises = RAISES.format(sqlstate="55P03").replace("poison()", f"{name}()")
    tickets.cursor().execute(raises)
    result = rotation(batch_rows=25, retry_seconds=0.5).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.ROWS_REFUSED, 59)
    assert names(result) == ["id 17"]
    assert f"function {name.removeprefix('public.')} line 1" in result.refused.named[0].reason


def test_a_fault_that_passes_in_time_blames_no_row(tickets: Any, rotation: RotationFactory) -> None:
    leak(tickets, 60)
    tickets.cursor().execute("CREATE SEQUENCE attempts")
    once = RAISES.format(sqlstate="40001").replace(
        "BEGIN ", "BEGIN IF nextval('attempts') < 3 THEN "
    )
    tickets.cursor().execute(once.replace("; RETURN NEW", "; END IF; RETURN NEW"))
    result = rotation(batch_rows=25, retry_seconds=60).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, 60)
    assert result.refused.rows == 0
