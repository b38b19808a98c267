"""Rate and remaining time come from the recent past."""

from token_rotation.run.progress import Progress


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def working(progress: Progress, clock: Clock, *, seconds: int, rows_per_second: int) -> None:
    for _ in range(seconds):
        clock.now += 1
        progress.reach(progress.done_rows + rows_per_second)


def test_remaining_time_follows_the_recent_rate_not_the_lifetime_mean() -> None:
    clock = Clock()
    progress = Progress(100_000, clock=clock)
    working(progress, clock, seconds=100, rows_per_second=100)
    working(progress, clock, seconds=40, rows_per_second=1000)
    assert progress.rows_per_second() == 1000
    assert progress.remaining_seconds() == 50


def test_remaining_time_recovers_within_the_window_after_a_pause() -> None:
    clock = Clock()
    progress = Progress(1_000_000, clock=clock)
    working(progress, clock, seconds=60, rows_per_second=1000)
    clock.now += 3600
    working(progress, clock, seconds=31, rows_per_second=1000)
    assert progress.rows_per_second() == 1000


def test_rate_falls_while_nothing_happens_and_ends_as_unknown() -> None:
    clock = Clock()
    progress = Progress(1_000_000, clock=clock)
    working(progress, clock, seconds=60, rows_per_second=1000)
    clock.now += 15
    assert progress.rows_per_second() == 1000 * 15 / 30
    clock.now += 30
    assert progress.rows_per_second() is None
    assert progress.remaining_seconds() is None


def test_rate_of_a_young_run_counts_from_its_start() -> None:
    clock = Clock()
    progress = Progress(1000, clock=clock)
    assert progress.rows_per_second() is None
    clock.now += 2
    progress.reach(100)
    assert progress.rows_per_second() == 50
    assert progress.remaining_seconds() == 18


def test_total_grows_when_more_is_found_than_was_counted() -> None:
    progress = Progress(10, total_is_estimate=True, clock=Clock())
    progress.reach(25)
    assert (progress.done_rows, progress.total_rows, progress.percent) == (25, 25, 100.0)


def test_skipped_rows_add_up() -> None:
    progress = Progress(10, clock=Clock())
    progress.reach(3, skipped_rows=2)
    progress.reach(7, skipped_rows=1)
    assert (progress.skipped_rows, progress.pending_rows) == (3, 3)


def test_a_hundred_percent_is_said_only_when_nothing_is_left() -> None:
    progress = Progress(1_000_000_000, clock=Clock())
    progress.reach(999_999_999)
    assert progress.percent == 99.99
    progress.reach(1_000_000_000)
    assert progress.percent == 100.0


def test_a_lower_figure_takes_nothing_back() -> None:
    progress = Progress(10, clock=Clock())
    progress.reach(7)
    progress.reach(5)
    assert progress.done_rows == 7
