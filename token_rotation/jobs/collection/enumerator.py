"""What a job goes through, a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from token_rotation.jobs.state import Span


@dataclass(frozen=True, slots=True)
class Entry:
    """An item, the text that names it to people, and the cursor behind it."""

    item: Any
    key: str
    cursor: Any


@runtime_checkable
class Enumerator(Protocol):
    """Items in an order that stays.

    ``database`` is the alias whose transaction may hold an item's processing and the cursor
    together; None where the items are elsewhere.
    """

    database: str | None

    def entries(self, cursor: Any, items: int) -> Sequence[Entry]:
        """Return the next ``items`` entries behind the cursor; none at the end.

        A cursor is a JSON value; None is the beginning. Raises CollectionError.
        """

    def count(self) -> int | None:
        """Return how many items there are, None where that costs too much."""


@runtime_checkable
class SplitEnumerator(Enumerator, Protocol):
    """An enumerator that several workers can share out."""

    def entries_of(self, span: Span, items: int) -> Sequence[Entry]:
        """Return the next ``items`` entries of a span, as ``entries`` does."""

    def split(self, span: Span, pieces: int) -> list[tuple[Span, int]]:
        """Cut a span into at most so many, none of them empty; each with its number of items."""
