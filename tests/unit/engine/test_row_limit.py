"""How many rows a rotation may still rotate."""

from concurrent.futures import ThreadPoolExecutor

from token_rotation.engine.row_limit import RowLimit


def test_no_more_is_given_than_the_limit() -> None:
    row_limit = RowLimit(50)
    assert [row_limit.take(30), row_limit.take(30), row_limit.take(30)] == [30, 20, 0]
    assert row_limit.used_up


def test_what_was_not_used_can_be_taken_again() -> None:
    row_limit = RowLimit(50)
    row_limit.take(50)
    row_limit.give_back(5)
    assert not row_limit.used_up
    assert row_limit.take(30) == 5


def test_without_a_limit_everything_is_given_for_ever() -> None:
    row_limit = RowLimit(None)
    assert [row_limit.take(10**9), row_limit.take(10**9)] == [10**9] * 2
    row_limit.give_back(5)
    assert not row_limit.used_up
    assert not row_limit.is_limited


def test_threads_together_take_no_more_than_the_limit() -> None:
    row_limit = RowLimit(10_000)

    def take_all() -> int:
        taken = 0
        while rows := row_limit.take(7):
            taken += rows
        return taken

    with ThreadPoolExecutor(max_workers=8) as pool:
        shares = [pool.submit(take_all) for _ in range(8)]
    assert sum(share.result() for share in shares) == 10_000
