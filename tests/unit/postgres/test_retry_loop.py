"""Faults are bounded by the time that was given for them, no less and no more."""

from typing import Any, cast

import pytest

from tests.support import driver
from token_rotation.errors import DatabaseGoneError
from token_rotation.postgres.backoff import Backoff
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.retrying import RetryLoop
from token_rotation.stop import StopSignal

AWAY_SECONDS = 60.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Waits(StopSignal):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, seconds: float) -> bool:
        self._clock.now += seconds
        return False


class Server:
    """Out of reach until ``back_at``."""

    def __init__(self, clock: Clock, back_at: float) -> None:
        self._clock, self._back_at = clock, back_at

    def close(self) -> None: ...

    def ask(self) -> str:
        if self._clock.now < self._back_at:
            raise driver.OperationalError("could not connect")
        return "answer"


def persistence(clock: Clock, server: Server) -> RetryLoop:
    return RetryLoop(
        cast(Connection, server),
        backoff=Backoff(AWAY_SECONDS),
        stop=Waits(clock),
        observe=lambda _: None,
        clock=clock,
    )


@pytest.mark.parametrize("attempt", range(5))  # the waits are drawn by lot
def test_a_server_that_is_back_at_the_last_moment_is_not_given_up(attempt: int) -> None:
    clock = Clock()
    server = Server(clock, back_at=AWAY_SECONDS)
    assert persistence(clock, server).run(server.ask) == "answer"


def test_one_that_stays_away_is_given_up_when_the_time_is_over() -> None:
    clock = Clock()
    server: Any = Server(clock, back_at=AWAY_SECONDS + 1)
    with pytest.raises(DatabaseGoneError, match=r"gave up after 60\.0 s"):
        persistence(clock, server).run(server.ask)
