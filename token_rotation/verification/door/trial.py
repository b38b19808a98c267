"""Many tokens tried at a door, at a bounded rate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Protocol

from token_rotation.stop import StopSignal
from token_rotation.verification.door.answer import Reply
from token_rotation.verification.door.tally import Tally

UNKNOWN_IN_A_ROW = 20
"""After so many answers that tell nothing, the application is left alone."""


class Door(Protocol):
    """Something that accepts or refuses a token."""

    def ask(self, token: str) -> Reply: ...


def try_each(
    door: Door,
    tokens: Iterable[str],
    *,
    requests_per_second: float,
    concurrency: int,
    stop: StopSignal,
    watch: Callable[[Tally], None],
    clock: Callable[[], float] = time.monotonic,
) -> Tally:
    """Ask the door about every token, and count the answers.

    It ends early when told to stop, or after 20 answers in a row that tell nothing.
    """
    tally = Tally()
    next_at = clock()
    flying: set[Future[None]] = set()
    with ThreadPoolExecutor(max_workers=concurrency) as pool:
        for token in tokens:
            if stop.wait(next_at - clock()) or tally.unknown_in_a_row >= UNKNOWN_IN_A_ROW:
                break
            next_at = max(next_at, clock() - 1) + 1 / requests_per_second
            if len(flying) >= concurrency:
                flying = wait(flying, return_when=FIRST_COMPLETED).not_done
            flying.add(pool.submit(_ask, door, token, tally))
            watch(tally)
    return tally


def _ask(door: Door, token: str, tally: Tally) -> None:
    tally.add(door.ask(token))
