"""One owner to be told, as the project's function gets it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(slots=True)
class Notice:
    """A row whose owner is to be told of its token.

    ``key`` goes with the message. A message that is sent twice has the same key; nobody finds a
    token by it.
    """

    row: Any
    key: str
    rotated_at: datetime
    is_told: bool = field(default=False, init=False)
    refused_because: str = field(default="", init=False)

    def told(self) -> None:
        """Say that the message was taken. From here on it counts as told."""
        self.is_told = True

    def refuse(self, reason: str) -> None:
        """Say that the owner can never be told.

        ``reason`` is logged: a code of the mail server, not its text, which may quote an address.
        """
        self.refused_because = reason or "refused"


def notice_of(row: Any, rotated_at: datetime) -> Notice:
    """Return the notice of a row as it is now."""
    named = f"{row._meta.label_lower} {row.pk} {rotated_at.timestamp():.6f}"
    return Notice(row, hashlib.sha256(named.encode()).hexdigest()[:32], rotated_at)
