"""The options of a trial at the door."""

from __future__ import annotations

from dataclasses import dataclass

REFUSED = (401, 403, 404, 410)
"""HTTP statuses that mean "this token opens nothing"."""


@dataclass(frozen=True, slots=True)
class DoorOptions:
    """Where and how to try tokens.

    ``through`` is a URL template with ``{token}``, or the dotted path of a callable. ``headers``
    are "Name: value", also with ``{token}``. ``sample`` bounds the number of tokens; None tries
    all. ``known_good`` is a file of tokens that must be accepted.
    """

    through: str
    headers: tuple[str, ...] = ()
    refused: tuple[int, ...] = REFUSED
    sample: int | None = None
    known_good: str | None = None
    requests_per_second: float = 10.0
    concurrency: int = 2
    timeout_seconds: float = 10.0
