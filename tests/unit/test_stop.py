"""The wish to stop reaches a waiting rotation at once, and cannot get stuck on its way."""

import itertools
import sys
import threading
from collections.abc import Callable
from queue import Empty
from types import FrameType
from typing import Any

import pytest

from token_rotation import stop as module
from token_rotation.stop import StopSignal, answering_signals


def test_request_ends_a_wait() -> None:
    stop = StopSignal()
    threading.Timer(0.01, stop.request).start()
    assert stop.wait(60)
    assert not stop.aborted


def test_request_ends_every_wait() -> None:
    stop = StopSignal()
    waiting = [threading.Thread(target=stop.wait, args=(60,), daemon=True) for _ in range(3)]
    for thread in waiting:
        thread.start()
    stop.request()
    for thread in waiting:
        thread.join(timeout=10)
        assert not thread.is_alive()


def test_abort_cancels_the_statement_in_flight() -> None:
    stop = StopSignal()
    cancelled = threading.Event()
    stop.on_abort(cancelled.set)
    stop.request()
    assert not cancelled.is_set()
    stop.abort()
    assert cancelled.is_set()
    assert stop.aborted


def test_a_request_ends_looks_and_what_was_asked_for_can_be_repeated() -> None:
    stop = StopSignal()
    called: list[str] = []
    stop.on_request(lambda: called.append("look"))
    stop.on_abort(lambda: called.append("statement"))
    stop.again()
    assert called == []
    stop.request()
    stop.again()
    assert called == ["look", "look"]
    assert not stop.aborted
    stop.abort()
    stop.again()
    assert called[2:] == ["look", "statement"] * 2


def test_without_a_request_a_wait_lasts_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[float] = []

    class NoWakeUp:
        """Nothing comes, and the time passes at once."""

        def get(self, *, timeout: float) -> None:
            passed.append(timeout)
            raise Empty

    monkeypatch.setattr(module, "SimpleQueue", NoWakeUp)
    stop = StopSignal()
    assert not stop.wait(60)
    assert not stop.wait(-1)
    assert passed == [60, 0]


def interrupted_at(moment: int, first: Callable[[], None], second: Callable[[], None]) -> bool:
    """Call ``first``, and ``second`` within it as a signal handler would be: before the line of
    that number, on the same thread. Whether ``first`` has that many lines.
    """
    lines = itertools.count()
    reached = threading.Event()

    def trace(_frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line" and next(lines) == moment:
            reached.set()
            second()
        return trace

    def call() -> None:
        sys.settrace(trace)
        first()

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(timeout=10)
    assert not thread.is_alive(), "the second waits for the first, for ever"
    return reached.is_set()


@pytest.mark.parametrize("first", ["request", "abort"])
@pytest.mark.parametrize("second", ["request", "abort"])
def test_a_signal_handler_may_interrupt_another_anywhere(first: str, second: str) -> None:
    for moment in itertools.count():
        stop = StopSignal()
        if not interrupted_at(moment, getattr(stop, first), getattr(stop, second)):
            break
        assert stop.wait(60)
        assert stop.aborted == ("abort" in (first, second))
    assert moment > 0


def test_the_caller_of_a_work_in_a_thread_looks_up_again_and_again_until_it_ends() -> None:
    looks, enough = itertools.count(1), threading.Event()

    def look() -> None:
        if next(looks) == 3:
            enough.set()

    def work() -> str:
        assert threading.current_thread() is not threading.main_thread()
        return "done" if enough.wait(60) else "nobody looked"

    assert answering_signals(work, every_seconds=0.001, meanwhile=look) == "done"


def test_what_interrupts_the_caller_cancels_the_work_and_passes_through() -> None:
    cancelled, ended = threading.Event(), threading.Event()

    def work() -> None:
        if cancelled.wait(60):
            ended.set()

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        answering_signals(work, every_seconds=0, meanwhile=interrupt, cancel=cancelled.set)
    assert ended.is_set()


def test_the_error_of_the_work_passes_through() -> None:
    def work() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        answering_signals(work)
