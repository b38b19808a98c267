"""What the engine tells its observers. It prints nothing itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tickets.rotation.key_range import KeyRange


@dataclass(frozen=True, slots=True)
class BatchDone:
    """A batch committed."""

    keys: KeyRange
    rotated_rows: int
    skipped_rows: int
    seconds: float
    next_batch_rows: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """The rotation holds nothing and waits."""

    reason: str


@dataclass(frozen=True, slots=True)
class Retrying:
    """A fault was met, nothing of the batch was kept, and it will be tried again."""

    reason: str
    attempt: int
    delay_seconds: float


Event = BatchDone | Waiting | Retrying
Observer = Callable[[Event], None]
