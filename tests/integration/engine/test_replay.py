"""A replay sends each row that was rotated since a time, in bounded pieces."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.support.leaked import leak, value
from tests.support.rotations import RotationFactory
from tickets.models import Ticket
from token_rotation.errors import RotationError
from token_rotation.notify import replay
from token_rotation.notify.replay import Replay, Replayed, as_sentence, listened_to
from token_rotation.selection.target import Target
from token_rotation.signals import tokens_rotated
from token_rotation.stop import StopSignal

Receive = Callable[[tuple[int, ...]], None]


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "CHUNK_ROWS", 10)


@pytest.fixture
def sent() -> Iterator[list[tuple[int, ...]]]:
    sent: list[tuple[int, ...]] = []

    def hear(keys: tuple[int, ...], **_: Any) -> None:
        sent.append(keys)

    tokens_rotated.connect(hear, sender=Ticket)
    yield sent
    tokens_rotated.disconnect(hear, sender=Ticket)


def replayed(target: Target, since: datetime, stop: StopSignal | None = None) -> Replayed:
    return Replay(target, since, stop=stop or StopSignal(), say=print).run()


def now(tickets: Any) -> datetime:
    moment: datetime = value(tickets, "SELECT clock_timestamp()")
    return moment


def test_only_rows_rotated_since_are_sent_and_nothing_is_written(
    tickets: Any, rotation: RotationFactory, target: Target, sent: list[tuple[int, ...]]
) -> None:
    leak(tickets, 35, first=-20)
    rotation(limit_rows=17).run()
    since = now(tickets)
    rotation(limit_rows=15).run()
    sent.clear()
    before = value(tickets, "SELECT array_agg(xmin::text ORDER BY id) FROM tickets_ticket")

    result = replayed(target, since)

    assert result == Replayed(keys=15, signals=3)
    assert [key for keys in sent for key in keys] == list(range(-3, 12))
    assert max(map(len, sent)) <= 10
    after = value(tickets, "SELECT array_agg(xmin::text ORDER BY id) FROM tickets_ticket")
    assert after == before


def test_stopped_half_way_it_says_so_and_that_it_begins_anew(
    tickets: Any, rotation: RotationFactory, target: Target, sent: list[tuple[int, ...]]
) -> None:
    leak(tickets, 30)
    since = now(tickets)
    rotation().run()
    stop = StopSignal()

    def end(**_: Any) -> None:
        stop.request()

    tokens_rotated.connect(end, sender=Ticket)
    result = replayed(target, since, stop)
    tokens_rotated.disconnect(end, sender=Ticket)
    assert (result.stopped, result.complete, result.keys) == (True, False, 10)
    assert "begins anew" in as_sentence(target, result, since)
    assert replayed(target, since) == Replayed(keys=30, signals=3)


def test_an_empty_table_is_replayed_at_once(
    tickets: Any, target: Target, sent: list[tuple[int, ...]]
) -> None:
    assert replayed(target, now(tickets)) == Replayed()


def test_without_a_listener_nothing_is_read(target: Target) -> None:
    with pytest.raises(RotationError, match="Nobody listens"):
        listened_to([target])
