"""Blocks pass from thread to thread in order, in bounded number, and nobody waits in vain."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from token_rotation.streaming.channel import CAPACITY_BLOCKS, Channel, ClosedError
from token_rotation.streaming.errors import QueryError, StoppedError

LONG_SECONDS = 30.0
AT_ONCE = 0.0


@pytest.fixture
def channel() -> Channel:
    return Channel()


def fill(channel: Channel) -> None:
    for _ in range(CAPACITY_BLOCKS):
        channel.put(b"x", within_seconds=AT_ONCE)


def beside(work: Callable[[], object], meanwhile: Callable[[], object]) -> None:
    """Do the one in a thread that has begun, then the other; errors of the first one are raised."""
    begun = threading.Event()

    def begin() -> None:
        begun.set()
        work()

    with ThreadPoolExecutor(max_workers=1) as pool:
        doing = pool.submit(begin)
        begun.wait()
        meanwhile()
        doing.result(timeout=LONG_SECONDS)


def test_blocks_come_out_as_they_went_in_and_then_the_end(channel: Channel) -> None:
    def write() -> None:
        for number in range(100):
            channel.put(b"%d" % number, within_seconds=LONG_SECONDS)
        channel.end()

    taken: list[bytes | None] = []
    beside(write, lambda: taken.extend(channel.take(LONG_SECONDS) for _ in range(101)))
    assert taken == [*(b"%d" % number for number in range(100)), b""]


def test_nothing_in_time_is_told_from_the_end(channel: Channel) -> None:
    assert channel.take(AT_ONCE) is None
    channel.end()
    assert channel.take(AT_ONCE) == b""


def test_a_failure_comes_after_the_last_block(channel: Channel) -> None:
    channel.put(b"x", within_seconds=AT_ONCE)
    channel.end(QueryError("it failed"))
    assert channel.wait(AT_ONCE) is None  # there is something to send first
    assert channel.take(AT_ONCE) == b"x"
    assert str(channel.wait(AT_ONCE)) == "it failed"
    with pytest.raises(QueryError, match="it failed"):
        channel.take(AT_ONCE)


def test_a_reader_that_takes_nothing_is_not_waited_for_without_bound(channel: Channel) -> None:
    fill(channel)
    with pytest.raises(StoppedError, match=r"took nothing for 0\.01 s"):
        channel.put(b"x", within_seconds=0.01)


def test_a_writer_that_waits_for_room_learns_at_once_that_the_reader_has_gone(
    channel: Channel,
) -> None:
    fill(channel)
    with pytest.raises(ClosedError):
        beside(lambda: channel.put(b"x", within_seconds=LONG_SECONDS), channel.close)
    with pytest.raises(ClosedError):
        channel.check()
