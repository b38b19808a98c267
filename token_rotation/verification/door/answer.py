"""What the application answers to a token."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Answer(Enum):
    """Meaning of an answer."""

    REFUSED = "refused"
    OPEN = "open"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, and what it was in a word, such as "404" or "TimeoutError"."""

    answer: Answer
    said: str


def reply_of_status(status: int, refused: frozenset[int]) -> Reply:
    """Return the meaning of an HTTP status.

    2xx and 3xx open something. Any other status that is not in ``refused`` tells nothing, such as
    429 and 503.
    """
    if status in refused:
        return Reply(Answer.REFUSED, str(status))
    return Reply(Answer.OPEN if 200 <= status < 400 else Answer.UNKNOWN, str(status))
