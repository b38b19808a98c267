"""One worker's trouble is the others' to go on from, until there is none left."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from token_rotation.engine.passes.allocator import Allocator, InKeyOrder
from token_rotation.engine.passes.pass_outcome import PassOutcome
from token_rotation.engine.worker import Worker
from token_rotation.engine.worker_pool import WorkerPool
from token_rotation.errors import DatabaseGoneError
from token_rotation.events import Event, Remark
from token_rotation.stop import StopSignal


class Announcements:
    def __init__(self) -> None:
        self.done: list[str] = []

    def send(self) -> None:
        self.done.append("sent")

    def close_receiver_connections(self) -> None:
        self.done.append("closed")


class FakeWorker:
    """Leaves one skipped row a pass, unless it meets an error."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.announcements = Announcements()
        self.committed_rows = 0
        self.batches = SimpleNamespace(committed_rows=0)
        self.pace = SimpleNamespace(rank=0)
        self.passes = 0

    def one_pass(self, _: Allocator) -> PassOutcome:
        self.passes += 1
        if self.error is not None:
            raise self.error
        return PassOutcome(skipped_rows=1)

    def is_served(self) -> bool:
        return False


def pool_of(*workers: FakeWorker, stop: StopSignal | None = None) -> tuple[WorkerPool, list[str]]:
    said: list[str] = []

    def note(event: Event) -> None:
        assert isinstance(event, Remark)
        said.append(event.text)

    stopped = stop or StopSignal()
    if stop is None:
        stopped.request()  # nobody waits to come back
    return WorkerPool(cast(list[Worker], workers), observe=note, stop=stopped), said


def allocator() -> Allocator:
    return InKeyOrder(lambda: 0.0)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_pass_is_one_of_every_worker_and_what_they_left_adds_up(count: int) -> None:
    workers = [FakeWorker() for _ in range(count)]
    pool, said = pool_of(*workers)
    for passes in (1, 2):
        assert pool.one_pass(allocator()) == PassOutcome(skipped_rows=count)
        assert [worker.passes for worker in workers] == [passes] * count
    assert said == []


def test_a_worker_that_only_the_server_does_not_serve_leaves_the_others_the_pass() -> None:
    gone, other = FakeWorker(DatabaseGoneError("too many connections")), FakeWorker()
    pool, said = pool_of(gone, other)
    hands_out = allocator()
    assert pool.one_pass(hands_out) == PassOutcome(skipped_rows=1)
    assert not hands_out.is_over
    assert said == ["Going on with 1 of 2 workers: too many connections"]


@pytest.mark.parametrize("count", [1, 2])
def test_when_the_last_worker_is_not_served_the_rotation_ends(count: int) -> None:
    pool, said = pool_of(*(FakeWorker(DatabaseGoneError("gone")) for _ in range(count)))
    hands_out = allocator()
    with pytest.raises(DatabaseGoneError):
        pool.one_pass(hands_out)
    assert len(said) == count - 1
    assert hands_out.is_over == (count > 1)


@pytest.mark.parametrize("error", [ZeroDivisionError(), KeyboardInterrupt()])
def test_any_other_error_of_a_worker_ends_the_pass_of_all(error: BaseException) -> None:
    pool, said = pool_of(FakeWorker(error), FakeWorker())
    hands_out = allocator()
    with pytest.raises(type(error)):
        pool.one_pass(hands_out)
    assert hands_out.is_over
    assert said == []


def asking(answers: dict[int, Any], workers: list[FakeWorker]) -> Callable[[Worker], Any]:
    def ask(worker: Worker) -> Any:
        answer = answers[workers.index(cast(FakeWorker, worker))]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ask


def test_a_question_goes_to_the_first_worker_and_then_to_the_next_that_is_served() -> None:
    workers = [FakeWorker(), FakeWorker(), FakeWorker()]
    pool, said = pool_of(*workers)
    assert pool.by_one(asking({0: "first"}, workers)) == "first"
    gone = DatabaseGoneError("gone")
    assert pool.by_one(asking({0: gone, 1: "second"}, workers)) == "second"
    assert said == ["Going on with 2 of 3 workers: gone"]
    with pytest.raises(DatabaseGoneError):
        pool.by_one(asking({1: gone, 2: gone}, workers))
    assert [worker.announcements.done for worker in workers] == [
        ["sent", "closed"] * 2,
        ["sent", "closed"] * 2,
        ["sent", "closed"],
    ]
