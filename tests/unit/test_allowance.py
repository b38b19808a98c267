"""How many rows a rotation may still rotate."""

from concurrent.futures import ThreadPoolExecutor

from token_rotation.engine.row_limit import Allowance


def test_no_more_is_given_than_the_limit() -> None:
    allowance = Allowance(50)
    assert [allowance.take(30), allowance.take(30), allowance.take(30)] == [30, 20, 0]
    assert allowance.used_up


def test_what_was_not_used_can_be_taken_again() -> None:
    allowance = Allowance(50)
    allowance.take(50)
    allowance.give_back(5)
    assert not allowance.used_up
    assert allowance.take(30) == 5


def test_without_a_limit_everything_is_given_for_ever() -> None:
    allowance = Allowance(None)
    assert [allowance.take(10**9), allowance.take(10**9)] == [10**9] * 2
    allowance.give_back(5)
    assert not allowance.used_up
    assert not allowance.is_limited


def test_threads_together_take_no_more_than_the_limit() -> None:
    allowance = Allowance(10_000)

    def take_all() -> int:
        taken = 0
        while rows := allowance.take(7):
            taken += rows
        return taken

    with ThreadPoolExecutor(max_workers=8) as pool:
        shares = [pool.submit(take_all) for _ in range(8)]
    assert sum(share.result() for share in shares) == 10_000
