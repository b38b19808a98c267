"""Tell others' sessions from a rotation's own, among those that a probe sees."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from token_rotation.pacing.budget.queues import Sessions

WAITS = ("Lock", "LWLock", "Buffer", "BufferPin")
"""Kinds of waits for what a rotation may hold: locks and buffers."""
WAL_WAITS = ("WALWRITE", "WALSYNC")
"""Versions of PostgreSQL write these in different cases."""


class SeenSession(NamedTuple):
    """A session that is at work, or may be: ``state`` is None where this role may not see it."""

    is_this: bool
    database: int | None
    role: int | None
    application: str | None
    kind: str
    state: str | None
    wait_type: str | None
    wait_event: str | None
    statement_number: int | None

    @property
    def waits(self) -> bool:
        return self.wait_type in WAITS or (self.wait_event or "").upper() in WAL_WAITS


def others_among(seen: Sequence[SeenSession], own_applications: Collection[str]) -> Sessions:
    """Count the other clients of the probe's database."""
    here = {each.database for each in seen if each.is_this}
    others = [
        each
        for each in seen
        if each.kind == "client backend"
        and not each.is_this
        and each.role is not None
        and each.database in here
        and each.application not in own_applications
    ]
    at_work = sum(each.state == "active" for each in others)
    return Sessions(at_work, sum(each.waits for each in others), len(others) - at_work)


def number_of_this(seen: Sequence[SeenSession]) -> int | None:
    """Return the number of the probe's own statement, None where the server numbers nothing."""
    return next((each.statement_number for each in seen if each.is_this), None)
