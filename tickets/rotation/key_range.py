"""A stretch of primary keys, in the key's own order in the database."""

from __future__ import annotations

from dataclasses import dataclass

Key = int | str | object
"""A primary-key value as psycopg2 gives it: int, str or uuid.UUID. Never computed with."""


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Keys above ``after`` up to and including ``upper``; None means no bound on that side."""

    after: Key | None = None
    upper: Key | None = None


EVERY_KEY = KeyRange()
