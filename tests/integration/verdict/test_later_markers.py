"""A marker that no right clock has made keeps no leaked token alive."""

import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.lacking_index import lacking
from tests.support.leak_lists import list_of
from tests.support.leaked import column, leak, pending, value
from tests.support.rotations import RotationFactory
from token_rotation.distributed.operator import Operator
from token_rotation.engine.result import Outcome
from token_rotation.errors import ClockBehindError
from token_rotation.events import BatchDone, Event, Waiting
from token_rotation.inspection.counting import PendingCount, count_pending
from token_rotation.inspection.verdict.heap_read import HeapRead
from token_rotation.inspection.verdict.verdict import Verdict
from token_rotation.options import RotationOptions, SelectionOptions
from token_rotation.postgres.reading import reading
from token_rotation.reporting.formats import as_text
from token_rotation.reporting.report import make_report
from token_rotation.run.aftermath import look_after
from token_rotation.run.operator_run import OperatorRun
from token_rotation.run.output import Output
from token_rotation.run.selected import select
from token_rotation.run.verify import verify
from token_rotation.selection.target import Target
from token_rotation.sql.progress import progress
from token_rotation.targets.later_rows import LaterRows, find_later_rows
from token_rotation.targets.resolve import KEYS, TOKENS, resolve
from token_rotation.tokens.random_uuids import random_uuids
from token_rotation.tokens.sources import PythonTokens

pytestmark = pytest.mark.server_versions

ROWS = 200
STRANGE = ["'infinity'", "'-infinity'", "'0044-03-15 12:00+00 BC'", "'20000-01-01'"]
STILL_VALID = "SELECT count(*) FROM tickets_ticket JOIN leaked USING (token)"
CHANGES = "SELECT count(*) FROM token_change"


Found = Callable[[Target], tuple[Target, LaterRows]]


@pytest.fixture
def found() -> Iterator[Found]:
    """found(target): settle its cut-off and find its later rows, as a run does at its start."""
    with ExitStack() as stack:

        def find(target: Target) -> tuple[Target, LaterRows]:
            with reading(target.database) as connection:
                settled, later = find_later_rows(connection, target)
            return settled, stack.enter_context(closing(later))

        yield find


def mark(tickets: Any, marker: str, where: str = "true") -> None:
    """The marker of leaked rows, past the guard, as another server's clock made it."""
    tickets.cursor().execute(
        "BEGIN; ALTER TABLE tickets_ticket DISABLE TRIGGER USER;"
        f"UPDATE tickets_ticket SET token_rotated_at = {marker} WHERE {where};"
        "ALTER TABLE tickets_ticket ENABLE TRIGGER USER; COMMIT"
    )


def ahead(seconds: float) -> str:
    return f"clock_timestamp() + interval '{seconds} s'"


def typed(target: Target, cut_off: str, *where: str) -> Target:
    (selected,) = select([target], SelectionOptions(cut_off, where, None))
    return selected


def operate(target: Target, **options: Any) -> tuple[bool, str]:
    """Run as the command does; True if it says complete, and what it said."""
    said = io.StringIO()
    run = OperatorRun(target, RotationOptions(**options), Output("lines", out=said, err=said))
    return run.run(), said.getvalue()


def printed_cut_off(said: str) -> str:
    found = re.findall(r"To go on[^:]*: .*--issued-before (\S+)", said)
    assert found, said
    return str(found[-1])


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("make_tokens", [None, random_uuids])
@pytest.mark.parametrize("seconds", [86_400, 15])
def test_no_marker_ahead_of_the_clock_escapes_a_cut_off(
    tickets: Any,
    target: Target,
    seconds: int,
    make_tokens: Callable[[int], list[str]] | None,
    workers: int,
) -> None:
    """A clock that ran fast by a day; a server put back by 15 s in a fail-over."""
    leak(tickets, ROWS)
    mark(tickets, ahead(seconds), "id > 20")
    if make_tokens:
        target = replace(target, token_source=PythonTokens(make_tokens))
    complete, said = operate(typed(target, "now"), workers=workers, batch_rows=30)
    assert complete, said
    assert value(tickets, STILL_VALID) == 0
    assert value(tickets, CHANGES) == ROWS
    assert f"{ROWS - 20} rows with a marker later than the database's clock" in said
    assert value(tickets, "SELECT max(token_rotated_at) <= clock_timestamp() FROM tickets_ticket")


def test_rows_of_a_cut_off_in_the_past_are_those_before_it_and_those_of_no_known_time(
    tickets: Any, target: Target
) -> None:
    leak(tickets, ROWS)
    mark(tickets, "now() - interval '3 hours'", "id <= 50")
    mark(tickets, "now() - interval '1 hour'", "id > 50 AND id <= 100")
    mark(tickets, ahead(3), "id > 100 AND id <= 150")
    mark(tickets, "'infinity'", "id > 150")
    complete, said = operate(typed(target, "2h ago"))
    assert complete, said
    changed = column(tickets, "SELECT ticket_id FROM token_change ORDER BY 1")
    assert changed == [*range(1, 51), *range(101, ROWS + 1)]


def test_a_row_that_reaches_its_time_during_the_run_does_not_escape(
    tickets: Any, target: Target, rotation: RotationFactory, found: Found
) -> None:
    leak(tickets, ROWS)
    mark(tickets, ahead(0.7))
    narrowed, later = found(typed(target, "1 min ago"))
    assert later.rows == ROWS
    tickets.cursor().execute(
        "SELECT pg_sleep_until(max(token_rotated_at) + interval '1 ms') FROM tickets_ticket"
    )
    with reading(target.database) as connection:
        assert count_pending(connection, narrowed).rows == 0  # by their markers they are right
    result = rotation(target=narrowed, later=later).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, ROWS)
    assert value(tickets, CHANGES) == ROWS


def test_a_run_that_ends_early_counts_the_rows_that_have_reached_their_time(
    tickets: Any, target: Target, rotation: RotationFactory, found: Found
) -> None:
    leak(tickets, ROWS)
    mark(tickets, ahead(0.7))
    narrowed, later = found(typed(target, "1 min ago"))
    tickets.cursor().execute(
        "SELECT pg_sleep_until(max(token_rotated_at) + interval '1 ms') FROM tickets_ticket"
    )
    result = rotation(target=narrowed, later=later, limit_rows=20).run()
    assert result.outcome is Outcome.LIMIT_REACHED
    after = look_after(
        narrowed, result, verdict_at_most_seconds=600, observe=lambda _: None, later=later
    )
    assert after.pending == PendingCount(ROWS - 20, is_estimate=False)
    assert not after.complete


def test_the_read_of_the_table_knows_rows_that_reached_their_time_and_that_the_index_lacks(
    tickets: Any, target: Target, found: Found
) -> None:
    leak(tickets, 5_000)
    mark(tickets, "clock_timestamp()")
    narrowed, later = found(typed(target, "1 min ago"))
    tickets.cursor().execute("ALTER TABLE tickets_ticket DISABLE TRIGGER USER")
    with lacking(tickets, "tickets_ticket_pkey"):
        tickets.cursor().execute(
            "INSERT INTO tickets_ticket (id, subject, status, created_at, token, token_rotated_at) "
            "VALUES (7777, 's', 'open', now(), gen_random_uuid(), clock_timestamp())"
        )
    with tickets.cursor() as cursor:
        cursor.execute(
            "SELECT id::text, token_rotated_at::text, token_rotated_at AT TIME ZONE 'UTC' "
            "FROM tickets_ticket WHERE id + 0 IN (5, 7777)"
        )
        later.add(cursor.fetchall())

    def read(**of: Any) -> Verdict:
        verdict = verify(narrowed, at_most_seconds=None, observe=lambda _: None, **of)
        assert isinstance(verdict, Verdict)
        return verdict

    assert read().nothing_pending
    verdict = read(later=later)
    assert (verdict.pending, verdict.nothing_pending) == (2, False)
    assert [each.name for each in verdict.damaged] == ['"tickets_ticket_pkey"']


def test_the_read_of_the_table_counts_later_markers_of_rows_with_a_token(
    tickets: Any, target: Target
) -> None:
    leak(tickets, ROWS)
    mark(tickets, "clock_timestamp()")
    mark(tickets, "'infinity'", "id <= 3")
    mark(tickets, ahead(3600), "id BETWEEN 4 AND 10")
    for narrowed, still_pending in ((target, 0), (typed(target, "1 min ago"), 10)):
        with reading(target.database) as connection:
            verdict = HeapRead(connection, narrowed, at_most_seconds=None).run()
        assert isinstance(verdict, Verdict)
        assert (verdict.pending, verdict.sums.later) == (still_pending, 10)
        assert not verdict.damaged


@pytest.mark.parametrize("by", ["rotation", "application"])
def test_a_listed_row_that_has_a_fresh_token_since_is_left_alone(
    tickets: Any, target: Target, rotation: RotationFactory, found: Found, by: str
) -> None:
    leak(tickets, 10)
    mark(tickets, ahead(3600))
    narrowed, later = found(typed(target, "now"))
    if by == "rotation":
        again, same = found(typed(target, "now"))
        assert rotation(target=again, later=same).run().rotated_rows == 10
    else:
        tickets.cursor().execute(
            "BEGIN; UPDATE tickets_ticket SET token_rotated_at = NULL;"
            "UPDATE tickets_ticket SET token = gen_random_uuid(),"
            " token_rotated_at = clock_timestamp(); COMMIT"
        )
    assert rotation(target=narrowed, later=later).run().rotated_rows == 0
    assert value(tickets, CHANGES) == 10


def test_what_a_killed_run_has_printed_covers_every_row_when_it_is_typed_after_their_time(
    tickets: Any, target: Target
) -> None:
    leak(tickets, ROWS)
    mark(tickets, ahead(1.5))
    complete, said = operate(typed(target, "now"), limit_rows=20)  # as if it was killed
    assert not complete
    tickets.cursor().execute(
        "SELECT pg_sleep_until(max(token_rotated_at) + interval '1 ms') FROM tickets_ticket"
    )
    complete, said = operate(typed(target, printed_cut_off(said)))
    assert complete, said
    assert value(tickets, STILL_VALID) == 0


def test_what_a_killed_run_has_printed_covers_every_row_when_it_is_typed_at_once(
    tickets: Any, target: Target
) -> None:
    leak(tickets, ROWS)
    mark(tickets, ahead(86_400), "id > 20")
    complete, said = operate(typed(target, "now"), limit_rows=20)
    assert not complete
    complete, said = operate(typed(target, printed_cut_off(said)))
    assert complete, said
    assert value(tickets, STILL_VALID) == 0


def test_a_run_that_is_done_and_typed_again_rotates_nothing(tickets: Any, target: Target) -> None:
    leak(tickets, ROWS)
    complete, said = operate(typed(target, "now"))
    assert complete
    complete, said = operate(typed(target, printed_cut_off(said)))
    assert complete
    assert "nothing was written" in said
    assert value(tickets, CHANGES) == ROWS


def test_a_cut_off_a_little_ahead_of_the_clock_is_waited_for_aloud(
    tickets: Any, target: Target
) -> None:
    """It was printed before the clock was put back."""
    leak(tickets, ROWS)
    mark(tickets, "now() - interval '1 hour'")
    cut_off = value(tickets, f"SELECT {ahead(2)}")
    complete, said = operate(typed(target, cut_off.isoformat()))
    assert complete, said
    assert re.search(r"the database's clock, \d s behind the cut-off", said)
    assert value(tickets, CHANGES) == ROWS
    markers = "SELECT min(token_rotated_at), max(token_rotated_at) FROM tickets_ticket"
    with tickets.cursor() as cursor:
        cursor.execute(markers)
        first, last = cursor.fetchone()
    assert cut_off <= first <= last <= value(tickets, "SELECT clock_timestamp()")


def test_a_cut_off_far_ahead_of_the_clock_means_every_token_that_exists(
    tickets: Any, target: Target
) -> None:
    leak(tickets, ROWS)
    mark(tickets, "now() - interval '1 hour'", "id <= 50")
    mark(tickets, ahead(86_400), "id > 50")
    cut_off = value(tickets, f"SELECT {ahead(3600)}")
    complete, said = operate(typed(target, cut_off.isoformat()))
    assert complete, said
    assert "lies ahead of the database's clock, so every token that exists now counts" in said
    assert value(tickets, STILL_VALID) == 0
    assert value(tickets, CHANGES) == ROWS


def test_an_engine_whose_clock_is_put_back_far_gives_up_aloud(
    tickets: Any, target: Target, rotation: RotationFactory
) -> None:
    leak(tickets, 10)
    far = value(tickets, f"SELECT {ahead(3600)}")
    with pytest.raises(ClockBehindError, match=r"clock is (1:00:00|0:59:59) behind the cut-off"):
        rotation(target=resolve(target, issued_before=far)).run()
    assert pending(tickets) == 10


def test_a_stop_ends_the_wait_for_the_clock(
    tickets: Any, target: Target, rotation: RotationFactory
) -> None:
    leak(tickets, 10)
    soon = value(tickets, f"SELECT {ahead(50)}")

    def stop(event: Event) -> None:
        if isinstance(event, Waiting):
            run._stop.request()

    run = rotation(stop, target=resolve(target, issued_before=soon))
    assert run.run().outcome is Outcome.STOPPED


def test_markers_ahead_of_a_clock_that_was_put_back_during_the_run_end_it_incomplete(
    tickets: Any, other: Any, target: Target, rotation: RotationFactory
) -> None:
    leak(tickets, ROWS)

    def put_back(event: Event) -> None:
        if isinstance(event, BatchDone):
            mark(tickets, ahead(86_400), "id = 1")

    narrowed = typed(target, "now")
    result = rotation(put_back, target=narrowed, batch_rows=ROWS).run()
    assert result.outcome is Outcome.MARKERS_AHEAD
    with reading(target.database) as connection:
        counted = count_pending(connection, narrowed)
        assert (counted.rows, counted.later_rows, counted.is_estimate) == (1, 1, False)
        assert count_pending(connection, target).rows == 0
    report = make_report(narrowed, exact=False)
    assert not report.complete
    assert report.as_dict()["later_than_the_clock"] == 1
    complete, said = operate(narrowed)
    assert complete, said


def test_the_last_line_counts_rows_whose_marker_is_ahead(tickets: Any, target: Target) -> None:
    leak(tickets, 30)
    mark(tickets, ahead(86_400), "id > 10")
    complete, said = operate(typed(target, "now"), limit_rows=5)
    assert not complete
    assert (
        "25 pending (the markers of 15 of them are later than the database's clock, so they count "
        "as issued before any cut-off). To go on" in said
    )


@pytest.mark.parametrize("make_tokens", [None, random_uuids])
@pytest.mark.parametrize("marker", STRANGE)
def test_a_marker_that_no_clock_makes_is_shown_and_its_row_is_rotated_like_any_other(
    tickets: Any, target: Target, marker: str, make_tokens: Callable[[int], list[str]] | None
) -> None:
    leak(tickets, 20)
    mark(tickets, marker)
    if make_tokens:
        target = replace(target, token_source=PythonTokens(make_tokens))
    narrowed = typed(target, "now")
    report = make_report(narrowed, exact=True)
    assert (report.counts.pending.rows, report.counts.first_rotated_at) == (20, None)
    assert "20" in as_text([report])
    assert shown(target)[-1][5:8] == (20, 20, 0)
    complete, said = operate(narrowed, batch_rows=7)
    assert complete, said
    assert value(tickets, CHANGES) == 20
    assert make_report(typed(target, "now"), exact=True).counts.later_rows == 0


def shown(target: Target) -> Sequence[Any]:
    with reading(target.database) as connection:
        return connection.rows(*progress([target]))


@pytest.mark.parametrize("kind", [TOKENS, KEYS])
@pytest.mark.parametrize("make_tokens", [None, random_uuids])
@pytest.mark.parametrize("marker", [*STRANGE, ahead(86_400)])
def test_a_listed_row_is_rotated_whatever_its_marker(
    tickets: Any,
    target: Target,
    rotation: RotationFactory,
    marker: str,
    make_tokens: Callable[[int], list[str]] | None,
    kind: str,
) -> None:
    leak(tickets, 20)
    mark(tickets, marker)
    if make_tokens:
        target = replace(target, token_source=PythonTokens(make_tokens))
    listed = column(tickets, f"SELECT {'token' if kind == TOKENS else 'id'} FROM tickets_ticket")
    cut_off = value(tickets, "SELECT clock_timestamp()") if kind == KEYS else None
    only = resolve(target, issued_before=cut_off, list_args=("--only", "leaked.txt"))
    result = rotation(target=only, leak_list=list_of(target, listed, kind), batch_rows=7).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, 20)
    assert value(tickets, CHANGES) == 20


def test_a_list_with_a_cut_off_means_its_rows_that_are_ahead_and_no_others(
    tickets: Any, target: Target
) -> None:
    leak(tickets, 40)
    mark(tickets, ahead(3600), "id <= 20")
    mark(tickets, "clock_timestamp()", "id > 20")
    tokens = column(tickets, "SELECT token FROM tickets_ticket WHERE id BETWEEN 11 AND 30")
    narrowed = replace(
        typed(target, "1h ago"),
        selection=replace(typed(target, "1h ago").selection, list_args=("--only", "leaked.txt")),
    )
    said = io.StringIO()
    output = Output("lines", out=said, err=said)
    run = OperatorRun(narrowed, RotationOptions(), output, leak_list=list_of(target, tokens))
    assert run.run(), said.getvalue()
    changed = column(tickets, "SELECT ticket_id FROM token_change ORDER BY 1")
    assert changed == list(range(11, 21))


def test_a_filter_leaves_rows_outside_of_it_alone(tickets: Any, target: Target) -> None:
    leak(tickets, 40)
    mark(tickets, "'infinity'")
    narrowed = typed(target, "now", "id__lte=10")
    complete, said = operate(narrowed)
    assert complete, said
    assert column(tickets, "SELECT ticket_id FROM token_change ORDER BY 1") == list(range(1, 11))
    with reading(target.database) as connection:
        verdict = HeapRead(connection, narrowed, at_most_seconds=None).run()
    assert isinstance(verdict, Verdict)
    assert (verdict.pending, verdict.outside) == (0, 30)


def test_before_workers_get_their_ranges_rows_that_are_ahead_are_rotated_here(
    tickets: Any, target: Target
) -> None:
    leak(tickets, 40)
    mark(tickets, "'infinity'", "id <= 10")
    mark(tickets, "now() - interval '1 hour'", "id > 10")
    said = io.StringIO()
    operator = Operator(typed(target, "now"), Output("lines", out=said, err=said))
    assert operator._look(RotationOptions()).rows == 30
    assert column(tickets, "SELECT ticket_id FROM token_change ORDER BY 1") == list(range(1, 11))
    assert "10 rows with a marker later than the database's clock" in said.getvalue()


def test_rows_that_are_ahead_and_locked_are_waited_for_like_others(
    tickets: Any, other: Any, target: Target
) -> None:
    leak(tickets, 20)
    mark(tickets, ahead(3600))
    other.cursor().execute("SELECT FROM tickets_ticket WHERE id = 7 FOR UPDATE")
    complete, said = operate(typed(target, "now"), wait_for_locks_seconds=0.5)
    assert not complete
    assert f"pid {other.info.backend_pid}" in said
    other.rollback()
    complete, said = operate(typed(target, printed_cut_off(said)))
    assert complete, said
    assert value(tickets, STILL_VALID) == 0


def test_no_row_of_a_right_clock_is_ahead(tickets: Any, target: Target, found: Found) -> None:
    leak(tickets, 20)
    mark(tickets, "clock_timestamp()")
    narrowed, later = found(typed(target, "now"))
    assert later.rows == 0
    cut_off = narrowed.selection.issued_before
    assert cut_off is not None
    assert datetime.now(UTC) - cut_off < timedelta(minutes=5)
