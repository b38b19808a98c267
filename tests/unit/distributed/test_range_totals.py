"""The figures of a range are true also after an attempt was killed."""

from typing import Any, cast

from token_rotation.distributed.ranges.range_totals import RangeTotals, rows_of_failed
from token_rotation.distributed.results import FIGURES
from token_rotation.engine.result import Result


class WorkRange:
    """A range's record, as far as its totals see it."""

    output_data = None

    def __init__(
        self, done: int = 0, total: int | None = None, live: dict[str, Any] | None = None
    ) -> None:
        self.progress_done = done
        self.progress_total = total
        self.live_data = live

    def beat(self, done: int | None = None, total: int | None = None) -> bool:
        self.progress_done, self.progress_total = done or 0, total
        return False


def totals(work_range: WorkRange, pending_rows: int) -> RangeTotals:
    return RangeTotals(cast(Any, work_range), pending_rows)


def test_the_first_attempt_counts_what_it_has_committed_and_not_what_others_did() -> None:
    first = totals(WorkRange(), 100)

    assert first.final_rows(confirmed_rows=60, pending_rows=0) == 60


def test_what_was_pending_is_stored_before_anything_is_rotated() -> None:
    work_range = WorkRange()

    totals(work_range, 100)

    assert (work_range.progress_done, work_range.progress_total) == (0, 100)


def test_the_rows_of_a_killed_attempt_are_those_that_are_gone() -> None:
    second = totals(WorkRange(done=30, total=100), pending_rows=55)

    assert second.done_rows(confirmed_rows=5) == 50
    assert second.final_rows(confirmed_rows=55, pending_rows=0) == 100


def test_what_a_killed_attempt_has_said_of_its_batches_and_waits_is_counted() -> None:
    result = Result(retries=1, batches=2, waited_seconds={"pace": 1.0})
    result.batch_seconds.record(0.01)
    first = totals(WorkRange(), 100)
    killed = WorkRange(
        done=30, total=100, live={"waiting_for": None, FIGURES: first.figures(result)}
    )
    result.waited_seconds["traffic"] = 0.5

    both = totals(killed, pending_rows=60).figures(result)

    assert (both["retries"], both["batches"]) == (2, 4)
    assert both["waited_seconds"] == {"pace": 2.0, "traffic": 0.5}
    assert both["batch_seconds"]["sum"] == 0.02


def test_an_attempt_that_was_taken_for_dead_may_have_gone_on() -> None:
    second = totals(WorkRange(done=30, total=100), pending_rows=60)

    assert second.final_rows(confirmed_rows=40, pending_rows=0) == 100


def test_rows_asked_for_again_take_nothing_away() -> None:
    second = totals(WorkRange(done=30, total=100), pending_rows=120)

    assert second.final_rows(confirmed_rows=120, pending_rows=0) == 150


def test_the_rows_of_a_range_that_failed_for_good_are_counted() -> None:
    assert rows_of_failed(cast(Any, WorkRange(done=30, total=100)), pending_rows=40) == 60
    assert rows_of_failed(cast(Any, WorkRange()), pending_rows=40) == 0
