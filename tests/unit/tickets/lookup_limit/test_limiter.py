"""Who fails too often waits until the window is over; nobody else does."""

from collections.abc import Callable

import pytest
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from tickets.lookup_limit import limiter
from tickets.lookup_limit.limiter import Limiter

WINDOW_SECONDS = 600


class Clock:
    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def make(
    failures: int, clock: Callable[[], float], storage: MemoryStorage | None = None
) -> Limiter:
    counts = FixedWindowRateLimiter(storage or MemoryStorage())
    return Limiter(counts, RateLimitItemPerSecond(failures, WINDOW_SECONDS), clock)


def test_one_failure_too_many_has_to_wait_until_the_window_is_over() -> None:
    clock = Clock()
    limited = make(3, clock)

    assert [limited.failed("a") for _ in range(3)] == [None] * 3
    assert limited.refused_seconds("a") is None
    assert limited.failed("a") == WINDOW_SECONDS
    assert limited.refused_seconds("a") == WINDOW_SECONDS
    clock.seconds += WINDOW_SECONDS - 0.5
    assert limited.refused_seconds("a") == 1
    clock.seconds += 0.5
    assert limited.refused_seconds("a") is None


def test_clients_are_counted_apart() -> None:
    limited = make(1, Clock())

    assert [limited.failed(client) for client in "abcab"] == [None] * 3 + [WINDOW_SECONDS] * 2
    assert limited.refused_seconds("c") is None


def test_processes_count_together_and_learn_of_a_refusal_with_their_own_next_failure() -> None:
    storage = MemoryStorage()
    one, other = (make(2, Clock(), storage) for _ in range(2))

    assert (one.failed("a"), other.failed("a")) == (None, None)
    assert one.failed("a") == WINDOW_SECONDS
    assert other.refused_seconds("a") is None
    assert other.failed("a") == WINDOW_SECONDS
    assert other.refused_seconds("a") is not None


def test_refusals_are_remembered_for_a_bounded_number_of_clients(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limiter, "REMEMBERED_CLIENTS", 2)
    clock = Clock()
    limited = make(0, clock)

    for client in "abc":
        limited.failed(client)
        clock.seconds += 1
    assert [limited.refused_seconds(client) is None for client in "abc"] == [True, False, False]
    clock.seconds += WINDOW_SECONDS
    limited.failed("d")
    assert len(limited._refused_until) == 1
