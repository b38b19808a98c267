"""The events that the engine sends to its observers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from token_rotation.selection.key_range import KeyRange


@dataclass(frozen=True, slots=True)
class BatchDone:
    """A batch committed.

    ``giving_way_because`` says why the next batch is small for the sake of traffic, "" where it is
    not.
    """

    keys: KeyRange
    rotated_rows: int
    skipped_rows: int
    seconds: float
    next_batch_rows: int
    giving_way_because: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The rotation waits, and locks nothing meanwhile."""

    reason: str

    def __str__(self) -> str:
        return f"waiting: {self.reason}"


@dataclass(frozen=True, slots=True)
class Retrying:
    """A fault occurred; the rotation will retry.

    It tries again what did not commit before the fault.
    """

    reason: str
    attempt: int
    delay_seconds: float


@dataclass(frozen=True, slots=True)
class Remark:
    """Something worth knowing that changes nothing for the rows."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class RangesSeen:
    """The ranges of a distributed rotation: waiting, running, finished.

    It gives the number of each.
    """

    waiting: int
    at_work: int
    finished: int


@dataclass(frozen=True, slots=True)
class Verifying:
    """The table is read to verify that nothing is pending.

    It gives the pages read so far, and all of them.
    """

    done_pages: int
    total_pages: int

    @property
    def percent(self) -> float:
        return 100.0 * self.done_pages / max(1, self.total_pages)

    def __str__(self) -> str:
        return f"reading the table to verify it, which holds VACUUM back: {self.percent:.0f} %"


Event = BatchDone | Waiting | Retrying | Remark | RangesSeen | Verifying
Observer = Callable[[Event], None]
