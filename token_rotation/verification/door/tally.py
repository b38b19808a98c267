"""The answers to many tokens, counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from threading import Lock

from token_rotation.verification.door.answer import Answer, Reply


@dataclass(slots=True)
class Tally:
    """Number of answers of each meaning; any thread may add one.

    ``unknown`` counts the answers that tell nothing by what they were. ``unknown_in_a_row`` is
    their number since the last clear answer.
    """

    refused: int = 0
    open: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    unknown_in_a_row: int = 0
    _lock: Lock = field(default_factory=Lock)

    @property
    def tried(self) -> int:
        return self.refused + self.open + self.unknown.total()

    def add(self, reply: Reply) -> None:
        with self._lock:
            if reply.answer is Answer.UNKNOWN:
                self.unknown[reply.said] += 1
                self.unknown_in_a_row += 1
                return
            self.unknown_in_a_row = 0
            if reply.answer is Answer.OPEN:
                self.open += 1
            else:
                self.refused += 1
