"""The batch size follows the target duration."""

from token_rotation.pacing.batch_size import AdaptiveBatchSize, FixedBatchSize


def sized(*, first_rows: int) -> AdaptiveBatchSize:
    """A size that aims at 0.2 s and has room to grow."""
    return AdaptiveBatchSize(target_seconds=0.2, first_rows=first_rows, maximum_rows=100_000)


def play(size: AdaptiveBatchSize, seconds_per_row: list[float]) -> list[int]:
    """The sizes chosen along a trace of a server's speed, full batches only."""
    sizes = []
    for cost in seconds_per_row:
        size.record(size.rows, size.rows * cost)
        sizes.append(size.rows)
    return sizes


def test_size_grows_at_most_one_and_a_half_times_a_batch() -> None:
    size = sized(first_rows=1000)
    assert play(size, [1e-6] * 3) == [1500, 2250, 3375]


def test_size_settles_where_a_batch_takes_the_target() -> None:
    size = sized(first_rows=1000)
    assert play(size, [1e-5] * 30)[-1] in {19_999, 20_000}


def test_one_slow_batch_in_ten_does_not_shrink_the_size() -> None:
    size = sized(first_rows=10_000)
    play(size, [2e-5] * 9)
    settled = size.rows
    play(size, [4e-5])
    assert size.rows == settled


def test_two_slow_batches_in_ten_shrink_the_size_to_fit_them() -> None:
    size = sized(first_rows=10_000)
    play(size, [2e-5] * 8 + [4e-5] * 2)
    assert size.rows == 5_000


def test_a_batch_five_times_over_the_target_cuts_the_size_by_ten_at_once() -> None:
    size = sized(first_rows=10_000)
    size.record(10_000, 1.01)
    assert size.rows == 1_000


def test_after_a_cut_the_size_grows_again_from_what_is_measured_then() -> None:
    size = sized(first_rows=10_000)
    assert play(size, [2e-5] * 5 + [2e-4] + [2e-5] * 3) == [
        *[10_000] * 5,
        1_000,
        1_500,
        2_250,
        3375,
    ]


def test_size_stays_within_its_bounds() -> None:
    size = AdaptiveBatchSize(target_seconds=0.2, first_rows=50, minimum_rows=10, maximum_rows=100)
    assert play(size, [1e-6] * 5)[-1] == 100
    assert play(size, [10.0] * 5)[-1] == 10


def test_by_default_a_batch_stays_small_enough_for_one_flush() -> None:
    size = AdaptiveBatchSize(target_seconds=0.2)
    assert play(size, [1e-6] * 20)[-1] == 4_000
    size = AdaptiveBatchSize(target_seconds=1.0)
    assert play(size, [1e-6] * 20)[-1] == 20_000


def test_a_batch_that_found_few_rows_teaches_nothing() -> None:
    size = sized(first_rows=1000)
    size.record(3, 0.1)
    size.record(0, 0.05)
    assert size.rows == 1000


def test_fixed_size_stays_until_a_time_out_cuts_it() -> None:
    size = FixedBatchSize(700)
    size.record(700, 60.0)
    assert size.rows == 700
    size.cut()
    assert size.rows == 70
