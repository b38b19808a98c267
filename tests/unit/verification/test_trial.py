"""Tokens are tried at a bounded rate, a few at a time, and not against a wall."""

import io
import threading
from collections.abc import Iterator
from itertools import count

import pytest

from token_rotation.selection.leak_list import LeakList
from token_rotation.stop import StopSignal
from token_rotation.verification.door import trial
from token_rotation.verification.door.answer import Answer, Reply
from token_rotation.verification.door.control import random_token
from token_rotation.verification.door.tally import Tally
from token_rotation.verification.door.trial import UNKNOWN_IN_A_ROW, Door, try_each
from token_rotation.verification.token_list import kinds_of


class Waits(StopSignal):
    """A stop signal on which no time is spent; it notes how long it should wait."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def wait(self, seconds: float) -> bool:
        self.now += max(0.0, seconds)
        return super().wait(0)


class Answering:
    """A door that gives these answers, one after another, then the last one."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = answers
        self._lock = threading.Lock()
        self.asked: list[str] = []

    def ask(self, token: str) -> Reply:
        with self._lock:
            self.asked.append(token)
            answer = self._answers[min(len(self.asked), len(self._answers)) - 1]
        return Reply(answer, "429")


def tried(
    door: Door, tokens: Iterator[str], waits: Waits, rate: float = 10.0, concurrency: int = 1
) -> Tally:
    return try_each(
        door,
        tokens,
        requests_per_second=rate,
        concurrency=concurrency,
        stop=waits,
        watch=lambda _: None,
        clock=lambda: waits.now,
    )


def test_each_token_is_asked_about_once() -> None:
    door = Answering(Answer.REFUSED)
    tally = tried(door, map(str, range(100)), Waits(), concurrency=3)
    assert sorted(door.asked, key=int) == [str(n) for n in range(100)]
    assert (tally.refused, tally.tried) == (100, 100)


def test_no_more_requests_are_sent_than_allowed() -> None:
    waits = Waits()
    tried(Answering(Answer.REFUSED), map(str, range(101)), waits, rate=20)
    assert waits.now == pytest.approx(5.0)


def test_an_application_that_gives_no_answer_is_left_alone() -> None:
    door = Answering(Answer.REFUSED, Answer.UNKNOWN)
    tally = tried(door, map(str, count()), Waits())
    assert tally.refused == 1
    assert UNKNOWN_IN_A_ROW <= tally.unknown.total() <= UNKNOWN_IN_A_ROW + 2


def test_told_to_stop_it_asks_no_more() -> None:
    waits = Waits()
    waits.request()
    door = Answering(Answer.REFUSED)
    assert tried(door, map(str, count()), waits).tried == 0


def test_at_most_so_many_wait_for_an_answer() -> None:
    at_once, most = [], 3

    class Slow:
        def __init__(self) -> None:
            self._together = threading.Barrier(most)
            self._lock, self._inside = threading.Lock(), 0

        def ask(self, token: str) -> Reply:
            with self._lock:
                self._inside += 1
                at_once.append(self._inside)
            self._together.wait(timeout=30)  # so that as many as may are inside together
            with self._lock:
                self._inside -= 1
            return Reply(Answer.REFUSED, "404")

    tried(Slow(), map(str, range(3 * most)), Waits(), concurrency=most)
    assert max(at_once) == most


def listing(*tokens: str) -> LeakList:
    text = "\n".join(tokens)
    return LeakList(io.BytesIO(text.encode()), "l", kinds_of([]), "tokens")


def test_a_random_token_looks_like_the_listed_ones() -> None:
    listed = [f"sk_live_{n:04}abcDEF{n:04}" for n in range(300)]
    drawn = {random_token(listing(*listed)) for _ in range(20)}
    assert len(drawn) == 20
    assert not drawn & set(listed)
    for token in drawn:
        assert token.startswith("sk_live_")
        assert len(token) == len(listed[0])
        assert token[8:12].isdigit()
        assert set(token[12:15]) <= set("abc")
        assert set(token[15:18]) <= set("DEF")


def test_a_random_uuid_is_one() -> None:
    given = "9f8e7d6c-5b4a-4321-8765-43210fedcba9"
    drawn = random_token(listing(given))
    assert drawn != given
    assert [len(part) for part in drawn.split("-")] == [8, 4, 4, 4, 12]
    assert trial.UNKNOWN_IN_A_ROW < 100
