"""Others' sessions that pile up while a rotation works.

A pool of connections that is used up makes all wait, though each statement is short.
"""

from __future__ import annotations

from dataclasses import dataclass

TIMES = 2.0
"""Others queue where so many times as many of their sessions are there as in the rests, and so many
more:"""
AT_WORK_MORE = 2.0
WAITING_MORE = 1.0


@dataclass(frozen=True, slots=True)
class Sessions:
    """How many sessions of others are at work, and how many of these wait.

    They wait for a lock, for the WAL or for a buffer. Of ``hidden`` ones this role may not see
    whether they are at work. Means of several readings.
    """

    at_work: float = 0.0
    waiting: float = 0.0
    hidden: float = 0.0


@dataclass(frozen=True, slots=True)
class Queue:
    """One kind of sessions, beside the rotation and in its rests."""

    kind: str
    beside: float
    at_rest: float
    more: float

    @property
    def part(self) -> float:
        """How many are there, as a part of how many are too many."""
        return self.beside / (TIMES * self.at_rest + self.more)

    def __str__(self) -> str:
        return f"{self.beside:.1f} sessions {self.kind}, {self.at_rest:.1f} in the rests"


def longest_queue(beside: Sessions, at_rest: Sessions) -> Queue:
    """The kind of sessions of which there are too many, or most nearly so."""
    queues = (
        Queue("at work", beside.at_work, at_rest.at_work, AT_WORK_MORE),
        Queue("waiting", beside.waiting, at_rest.waiting, WAITING_MORE),
    )
    return max(queues, key=lambda queue: queue.part)
