"""A range of primary keys, in the database's order."""

from __future__ import annotations

from dataclasses import dataclass

Key = int | str | object
"""A primary key as ``Connection`` returns it: int, str or uuid.UUID, say. Code never computes with
it."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Rows that a list named, as looked up.

    They are as they were at the look-up.

    ``keys`` and ``markers`` are text. A row whose marker is not among ``markers`` has been given
    another token since, and is no longer selected.
    """

    keys: tuple[str, ...]
    markers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Keys above ``after`` up to and including ``upper``.

    None means no bound on that side.

    ``listed`` narrows the range to those rows, ``exactly`` to the row with that key. ``without``
    leaves out rows by their keys, as the server writes them.
    """

    after: Key | None = None
    upper: Key | None = None
    listed: Listed | None = None
    exactly: Key | None = None
    without: tuple[str, ...] = ()


EVERY_KEY = KeyRange()
