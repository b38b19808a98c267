"""A stretch of primary keys, in the key's own order in the database."""

from __future__ import annotations

from dataclasses import dataclass

Key = int | str | object
"""A primary-key value as psycopg2 gives it: int, str or uuid.UUID. Never computed with."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Rows that a list has named, as they were when they were looked up.

    ``keys``, and all ``markers`` that they had, as text. A row with another marker has been given
    another token since, and is no longer meant.
    """

    keys: tuple[str, ...]
    markers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Keys above ``after`` up to and including ``upper``; None means no bound on that side.

    With ``listed`` only those rows, with ``exactly`` only the one with that key.
    """

    after: Key | None = None
    upper: Key | None = None
    listed: Listed | None = None
    exactly: Key | None = None


EVERY_KEY = KeyRange()
