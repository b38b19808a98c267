"""What people and programs are shown while a rotation runs."""

import io
import json

import pytest

from token_rotation.events import BatchDone, Event, Remark, Retrying, Verifying, Waiting
from token_rotation.run.display import make_display
from token_rotation.run.display.sampled import SHORTEST_SECONDS, Sampled
from token_rotation.run.progress import Progress
from token_rotation.selection.key_range import KeyRange


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


class Shown:
    def __init__(self) -> None:
        self.events: list[Event] = []
        self.closed = False

    def show(self, event: Event) -> None:
        self.events.append(event)

    def close(self) -> None:
        self.closed = True


def batch(rows: int = 25, *, because: str = "") -> BatchDone:
    return BatchDone(KeyRange(None, rows), rows, 0, 0.001, rows, because)


def test_at_most_ten_batches_a_second_are_shown_and_the_last_one_always() -> None:
    clock, shown = Clock(), Shown()
    display = Sampled(shown, clock)
    batches = [batch(rows) for rows in range(1, 1001)]
    for each in batches:
        display.show(each)
        clock.now += 0.001
    assert len(shown.events) == pytest.approx(1 / SHORTEST_SECONDS, abs=1)
    assert shown.events[0] == batches[0]
    display.close()
    assert shown.events[-1] == batches[-1]
    assert shown.closed


def test_whatever_is_no_batch_is_shown_at_once() -> None:
    shown = Shown()
    display = Sampled(shown, Clock())
    others = [Waiting("replica lag 4.2 s"), Retrying("gone", 1, 0.1), Remark("no VACUUM")]
    for each in (batch(), *others):
        display.show(each)
    assert shown.events == [batch(), *others]


def lines_of(mode: str, *events: Event) -> list[str]:
    clock, out = Clock(), io.StringIO()
    display = make_display(
        mode, Progress(100, clock=clock), out=out, err=io.StringIO(), clock=clock
    )
    for event in events:
        display.show(event)
        clock.now += 10
    display.close()
    return out.getvalue().splitlines()


def test_lines_say_when_batches_are_small_for_the_sake_of_traffic() -> None:
    gentle, ordinary = lines_of("lines", batch(because="probe +4 ms of 5"), batch(4000))
    assert gentle.endswith("batch 25 rows, giving way to traffic: probe +4 ms of 5")
    assert ordinary.endswith("batch 4,000 rows")


def test_remarks_are_lines_of_their_own() -> None:
    assert lines_of("lines", Remark("no VACUUM: autovacuum is on it")) == [
        "no VACUUM: autovacuum is on it"
    ]
    (line,) = lines_of("json", Remark("no VACUUM"))
    assert (json.loads(line)["event"], json.loads(line)["text"]) == ("remark", "no VACUUM")


def test_retries_and_remarks_keep_no_line_of_progress_back() -> None:
    clock, out = Clock(), io.StringIO()
    display = make_display(
        "lines", Progress(100, clock=clock), out=out, err=io.StringIO(), clock=clock
    )
    for _ in range(10):
        display.show(Remark("too many connections"))
        display.show(batch())
        clock.now += 1
    lines = out.getvalue().splitlines()
    assert len([line for line in lines if line.startswith("rotated ")]) == 2  # every five seconds


def test_a_bar_shows_remarks_above_itself_and_the_reason_for_small_batches() -> None:
    clock, err = Clock(), io.StringIO()
    display = make_display(
        "bar", Progress(100, clock=clock), out=io.StringIO(), err=err, clock=clock
    )
    display.show(Remark("no VACUUM"))
    display.show(batch(because="probe +4 ms of 5"))
    display.close()
    assert "no VACUUM\n" in err.getvalue()
    assert "batch 25, giving way to traffic: probe +4 ms of 5" in err.getvalue()


@pytest.mark.parametrize("mode", ["bar", "lines", "json"])
def test_no_display_rounds_up_to_a_hundred_percent(mode: str) -> None:
    progress, out = Progress(1_000_000, clock=Clock()), io.StringIO()
    display = make_display(mode, progress, out=out, err=out, clock=Clock())
    progress.reach(999_999)
    display.show(batch())
    display.close()
    assert "99" in out.getvalue()
    assert "100.0" not in out.getvalue()
    assert "100%" not in out.getvalue()


@pytest.mark.parametrize("mode", ["bar", "lines", "json"])
def test_the_read_of_the_table_is_shown_as_it_goes(mode: str) -> None:
    clock, out, err = Clock(), io.StringIO(), io.StringIO()
    progress = Progress(100, clock=clock)
    display = make_display(mode, progress, out=out, err=err, clock=clock)
    clock.now += 5
    display.show(Verifying(done_pages=300, total_pages=400))
    display.close()
    if mode == "json":
        line = json.loads(out.getvalue())
        assert (line["event"], line["done_pages"], line["total_pages"]) == ("verifying", 300, 400)
    else:
        assert "to verify it, which holds VACUUM back: 75 %" in out.getvalue() + err.getvalue()
