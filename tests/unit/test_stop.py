"""The wish to stop reaches a waiting rotation at once."""

import threading

from tickets.rotation.stop import StopSignal


def test_request_ends_a_wait() -> None:
    stop = StopSignal()
    threading.Timer(0.01, stop.request).start()
    assert stop.wait(60)
    assert not stop.aborted


def test_abort_cancels_the_statement_in_flight() -> None:
    stop = StopSignal()
    cancelled = threading.Event()
    stop.on_abort(cancelled.set)
    stop.request()
    assert not cancelled.is_set()
    stop.abort()
    assert cancelled.is_set()
    assert stop.aborted


def test_without_a_request_a_wait_lasts_its_time() -> None:
    assert not StopSignal().wait(0.0)
