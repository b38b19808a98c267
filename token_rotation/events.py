"""What the engine tells its observers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from token_rotation.selection.key_range import KeyRange


@dataclass(frozen=True, slots=True)
class BatchDone:
    """A batch committed. ``is_giving_way``: the next batch is small for the sake of traffic."""

    keys: KeyRange
    rotated_rows: int
    skipped_rows: int
    seconds: float
    next_batch_rows: int
    is_giving_way: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """The rotation waits, and locks nothing meanwhile."""

    reason: str


@dataclass(frozen=True, slots=True)
class Retrying:
    """A fault occurred; what did not commit before it will be tried again."""

    reason: str
    attempt: int
    delay_seconds: float


@dataclass(frozen=True, slots=True)
class Remark:
    """Something worth knowing that changes nothing for the rows."""

    text: str


@dataclass(frozen=True, slots=True)
class RangesSeen:
    """How many ranges of a distributed rotation wait, run, and have finished."""

    waiting: int
    at_work: int
    finished: int


Event = BatchDone | Waiting | Retrying | Remark | RangesSeen
Observer = Callable[[Event], None]
