"""Notes on one statement in flight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from token_rotation.postgres.silence.judge import Judge


@dataclass(slots=True)
class Flight:
    """A statement that has said nothing for long, or is to end.

    Times are those of ``time.monotonic``. ``last_notice`` was the server's before.
    """

    number: int
    judge: Judge
    last_notice: Any
    was_told: bool = False
    was_asked: bool = False
    to_end_since: float | None = None
    cancelled_at: float | None = None
    cancel_next_at: float = 0.0
    cancel_is_question: bool = False
    gives_up_standby: bool = False
    cut_because: str = ""
