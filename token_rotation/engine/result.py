"""The end of a rotation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from token_rotation import wording
from token_rotation.engine.batch_seconds import BatchSeconds
from token_rotation.engine.refused import NONE_REFUSED, Refused
from token_rotation.inspection.verdict.verdict import Unread, Verdict
from token_rotation.operations.stored_output import read_number, read_object


class Outcome(Enum):
    """The end of a rotation.

    The engine says COMPLETE when its index has nothing pending; the read of the table confirms it,
    or makes it one of the last two.
    """

    COMPLETE = "nothing is pending"
    STOPPED = "stopped on request"
    LIMIT_REACHED = "the limit was reached"
    ROWS_LOCKED = "rows stayed locked by others"
    ROWS_REFUSED = "rows cannot be changed as they are"
    MARKERS_AHEAD = "markers are later than the database's clock, which was put back"
    NOT_VERIFIED = "nothing is pending by the index, which was not verified"
    FOUND_PENDING = "the read of the table found pending rows"


NEED_A_PERSON = frozenset(
    {
        Outcome.ROWS_LOCKED,
        Outcome.ROWS_REFUSED,
        Outcome.MARKERS_AHEAD,
        Outcome.NOT_VERIFIED,
        Outcome.FOUND_PENDING,
    }
)
"""Ends that nobody asked for, and that no other run mends by itself."""


@dataclass(frozen=True, slots=True)
class Blocker:
    """A session that locks a pending row.

    State and age are None where the role may not see them.

    A transaction that was prepared for two-phase commit has no backend: its ``pid`` is 0.
    """

    pid: int
    state: str | None
    transaction_seconds: float | None

    def __str__(self) -> str:
        if self.pid == 0:
            return (
                "a prepared transaction (pg_prepared_xacts lists them; COMMIT PREPARED or ROLLBACK "
                "PREPARED ends one)"
            )
        age = "–" if self.transaction_seconds is None else f"{self.transaction_seconds:.0f} s"
        return f"pid {self.pid} ({self.state or 'state –'}, transaction open {age})"


def read_blockers(stored: Any) -> tuple[Blocker, ...]:
    """Return the blockers in a record; none where it has another form."""
    return tuple(_read_blockers(stored))


def _read_blockers(stored: Any) -> Iterator[Blocker]:
    for each in stored if isinstance(stored, list) else []:
        with suppress(TypeError):  # of a version that stores other fields
            yield Blocker(**read_object(each))


@dataclass(slots=True)
class Result:
    """The end of a rotation, or its progress so far.

    ``rotated_rows`` counts the commits that PostgreSQL has confirmed. ``waited_seconds`` is the
    time that the rotation held back, by kind of wait, on average over its workers.
    ``no_vacuum_because`` says why the last VACUUM that was due was left out. ``verdict`` is what a
    read of the table found at the end; None if there was none. ``refused`` are rows that PostgreSQL
    refused to change, whatever the outcome.
    """

    outcome: Outcome = Outcome.COMPLETE
    rotated_rows: int = 0
    batches: int = 0
    skipped_rows: int = 0
    retries: int = 0
    seconds: float = 0.0
    vacuums: int = 0
    vacuum_seconds: float = 0.0
    no_vacuum_because: str | None = None
    blockers: tuple[Blocker, ...] = field(default=())
    waited_seconds: dict[str, float] = field(default_factory=dict)
    batch_seconds: BatchSeconds = field(default_factory=BatchSeconds)
    verdict: Verdict | Unread | None = None
    refused: Refused = NONE_REFUSED

    def settle(self, verdict: Verdict | Unread) -> None:
        """Take the verdict; what the index said is complete only if it agrees."""
        self.verdict = verdict
        if self.outcome is not Outcome.COMPLETE or verdict.nothing_pending:
            return
        found = isinstance(verdict, Verdict) and verdict.pending
        self.outcome = Outcome.FOUND_PENDING if found else Outcome.NOT_VERIFIED

    @property
    def reason(self) -> str:
        """Why it ended, in words for people."""
        reason: str = self.outcome.value
        if self.outcome is not Outcome.ROWS_LOCKED:
            return reason
        return f"{reason}: {', '.join(map(str, self.blockers)) or 'who holds them is unknown'}"

    @property
    def unfinished(self) -> str:
        """Why it needs a person, in one line without tokens; "" where it needs none."""
        if self.outcome not in NEED_A_PERSON:
            return ""
        left = [self.refused.as_sentence()]
        if self.outcome is not Outcome.ROWS_REFUSED or not self.refused:
            rows = self._left_rows()
            left.append(f"{wording.things(rows, 'row')}: {self.reason}" if rows else self.reason)
        return "; ".join(filter(None, left))

    def _left_rows(self) -> int:
        if self.outcome is Outcome.FOUND_PENDING and isinstance(self.verdict, Verdict):
            return self.verdict.pending
        return self.skipped_rows

    def add(self, figures: Mapping[str, Any]) -> None:
        """Add another work's batches, retries and waits from a record."""
        self.batches += read_number(figures.get("batches"))
        self.retries += read_number(figures.get("retries"))
        self.batch_seconds.add(figures.get("batch_seconds"))
        for kind, seconds in read_object(figures.get("waited_seconds")).items():
            self.waited_seconds[kind] = self.waited_seconds.get(kind, 0.0) + read_number(seconds)


def mean_seconds(waits: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean of several workers' waits, by kind.

    Each may grow in another thread meanwhile.
    """
    mean: dict[str, float] = {}
    for one in map(dict, waits):
        for kind, seconds in one.items():
            mean[kind] = mean.get(kind, 0.0) + seconds / len(waits)
    return mean
