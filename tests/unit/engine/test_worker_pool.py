"""A worker that has left comes back to progress that others make, and to nothing less."""

from collections.abc import Callable
from threading import Event as Flag
from types import SimpleNamespace
from typing import Any, cast

import pytest

from token_rotation.engine.passes.allocator import Allocator, InKeyOrder
from token_rotation.engine.passes.pass_outcome import PassOutcome
from token_rotation.engine.worker import Worker
from token_rotation.engine.worker_pool import LOOKS_BEFORE_COMING_BACK, WorkerPool
from token_rotation.errors import DatabaseGoneError
from token_rotation.events import Event, Remark
from token_rotation.stop import StopSignal

FULL = 4 * LOOKS_BEFORE_COMING_BACK


class FakeWorker:
    """Counts its passes; each does ``work``."""

    def __init__(self, work: Callable[[], None], *, served: bool = True) -> None:
        self.batches = SimpleNamespace(committed_rows=0)
        self.pace = SimpleNamespace(rank=0)
        self.passes = 0
        self._work = work
        self._served = served

    def one_pass(self, _: Allocator) -> PassOutcome:
        self.passes += 1
        self._work()
        return PassOutcome()

    def is_served(self) -> bool:
        return self._served


class Looks(StopSignal):
    """Its waits take no time; ``looked`` hears how many there were."""

    def __init__(self, looked: Callable[[int], None]) -> None:
        super().__init__()
        self._looked = looked
        self._waits = 0

    def wait(self, seconds: float) -> bool:
        self._waits += 1
        self._looked(self._waits)
        return False


@pytest.mark.parametrize(
    ("rows", "served", "passes"), [(1, True, 2), (0, True, 1), (1, False, 1), (0, False, 1)]
)
def test_a_worker_comes_back_only_to_a_server_that_serves_it_and_others_that_make_progress(
    *, rows: int, served: bool, passes: int
) -> None:
    ended, said = Flag(), list[str]()

    def leave_once() -> None:
        if gone.passes == 1:
            raise DatabaseGoneError("too many connections")
        ended.set()

    def looked(times: int) -> None:
        if times == LOOKS_BEFORE_COMING_BACK // 2:
            busy.batches.committed_rows += rows
        if times >= FULL:
            ended.set()

    def note(event: Event) -> None:
        assert isinstance(event, Remark)
        said.append(event.text.partition(":")[0])

    gone = FakeWorker(leave_once, served=served)
    busy = FakeWorker(lambda: cast(Any, ended.wait(60)))
    workers = cast(list[Worker], [gone, busy])
    WorkerPool(workers, observe=note, stop=Looks(looked)).one_pass(InKeyOrder(lambda: 0.0))
    assert (gone.passes, busy.passes) == (passes, 1)
    again = ["Going on with 2 of 2 workers again"] if passes == 2 else []
    assert said == ["Going on with 1 of 2 workers", *again]


def test_a_worker_that_has_left_tries_to_come_back_every_five_seconds() -> None:
    ended, waited, tried_at = Flag(), list[float](), list[float]()

    class Waits(StopSignal):
        def wait(self, seconds: float) -> bool:
            waited.append(seconds)
            busy.batches.committed_rows += 1
            if len(waited) > 2 * 10:
                ended.set()
            return False

    class Unserved(FakeWorker):
        def is_served(self) -> bool:
            tried_at.append(sum(waited))
            return False

    def leave() -> None:
        raise DatabaseGoneError("too many connections")

    busy = FakeWorker(lambda: cast(Any, ended.wait(60)))
    workers = cast(list[Worker], [Unserved(leave), busy])
    pool = WorkerPool(workers, observe=lambda _: None, stop=Waits())
    pool.one_pass(InKeyOrder(lambda: 0.0))
    assert tried_at[:2] == [5.0, 10.0]
    assert set(waited) == {0.5}, "the pass may end meanwhile"
