"""The workers of a rotation.

All of them work in a pass, one of them between passes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

from token_rotation.engine.passes.allocator import Allocator
from token_rotation.engine.passes.pass_outcome import PassOutcome
from token_rotation.engine.worker import Worker
from token_rotation.errors import DatabaseGoneError
from token_rotation.events import Observer, Remark
from token_rotation.stop import StopSignal

LOOK_EVERY_SECONDS = 0.5
LOOKS_BEFORE_COMING_BACK = 10

Answer = TypeVar("Answer")


class WorkerPool:
    """The workers: all in a pass, one between passes.

    A worker that the server does not serve leaves the rotation to the others. It tries to come back
    while they make progress. When the last one cannot go on, the rotation ends.
    """

    def __init__(self, workers: Sequence[Worker], *, observe: Observer, stop: StopSignal) -> None:
        self._workers = workers
        self._observe = observe
        self._stop = stop
        self._lock = Lock()
        self._able = list(workers)
        self._at_work = 0  # in a pass

    def one_pass(self, allocator: Allocator) -> PassOutcome:
        """Rotate every range once; return what was left.

        Raises, when all workers have ended, what ends the rotation. A lone worker needs no thread.
        """
        if len(self._workers) == 1:
            return self._workers[0].one_pass(allocator)
        self._at_work = len(self._able)
        with ThreadPoolExecutor(max_workers=len(self._workers)) as pool:
            running = [pool.submit(self._work, worker, allocator) for worker in self._workers]
        return sum((one.result() for one in running), PassOutcome())

    def by_one(self, ask: Callable[[Worker], Answer]) -> Answer:
        """Let one worker work while the others are idle.

        Announces what it rotated.

        The next worker does it where the server does not serve the first.
        """
        while True:
            worker = self._able[0]
            try:
                return ask(worker)
            except DatabaseGoneError as error:
                if not self._leaves(worker, error):
                    raise
            finally:
                worker.announcements.send()
                worker.announcements.close_receiver_connections()

    def _work(self, worker: Worker, allocator: Allocator) -> PassOutcome:
        """Do one worker's part of a pass.

        Where it cannot go on, the others finish their batch.

        The range of a worker that leaves is for the next pass.
        """
        while self._is_able(worker, allocator):
            try:
                return worker.one_pass(allocator)
            except DatabaseGoneError as error:
                if not self._leaves(worker, error):
                    allocator.close()
                    raise
            except BaseException:
                allocator.close()
                raise
            finally:
                with self._lock:
                    self._at_work -= 1
        return PassOutcome()

    def _leaves(self, worker: Worker, error: DatabaseGoneError) -> bool:
        """Return True when others go on without this worker.

        The last one stays.
        """
        with self._lock:
            if len(self._able) == 1:
                return False
            self._able.remove(worker)
            able = self._ranked()
        self._observe(Remark(f"Going on with {able} of {len(self._workers)} workers: {error}"))
        return True

    def _is_able(self, worker: Worker, allocator: Allocator) -> bool:
        """Wait until a worker that has left may come back.

        Return False when the pass is over.

        It is not enough that the server answers. Where a table is locked or the server is
        read-only, workers would leave and come back in turn for ever.
        """
        before_rows = self._committed_rows()
        while worker not in self._able:
            for _ in range(LOOKS_BEFORE_COMING_BACK):
                if self._stop.wait(LOOK_EVERY_SECONDS) or allocator.is_over or not self._at_work:
                    return False
            if self._committed_rows() > before_rows and worker.is_served():
                self._comes_back(worker)
        return True

    def _ranked(self) -> int:
        """Rank those that are able, for the traffic budget; return how many there are."""
        for rank, worker in enumerate(self._able):
            worker.pace.rank = rank
        return len(self._able)

    def _committed_rows(self) -> int:
        return sum(worker.batches.committed_rows for worker in self._workers)

    def _comes_back(self, worker: Worker) -> None:
        with self._lock:
            self._able.append(worker)
            self._at_work += 1
            able = self._ranked()
        self._observe(Remark(f"Going on with {able} of {len(self._workers)} workers again"))
