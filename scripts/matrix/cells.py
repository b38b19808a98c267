"""The combinations that are tested: a PostgreSQL, a Django and a Python each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from matrix.versions import EMBEDDED, VERSIONS


@dataclass(frozen=True)
class Pair:
    """A Django and a Python, such as 6.1 and 3.13."""

    django: str
    python: str

    def __str__(self) -> str:
        return f"Django {self.django}, Python {self.python}"


@dataclass(frozen=True)
class Cell:
    """One place in the matrix."""

    postgresql: str
    pair: Pair

    def __str__(self) -> str:
        return f"PostgreSQL {self.postgresql}, {self.pair}"


PAIRS = (
    Pair("5.2", "3.11"),
    Pair("5.2", "3.13"),
    Pair("6.0", "3.12"),
    Pair("6.0", "3.13"),
    Pair("6.1", "3.12"),
    Pair("6.1", "3.13"),
)
"""Each supported Django on its oldest and its newest Python."""

LOCKED = PAIRS[0]
"""The Django that the locks have, on the oldest Python."""

DJANGOS = tuple(sorted({pair.django for pair in PAIRS}))
PYTHONS = tuple(sorted({pair.python for pair in PAIRS}))

CELLS = (
    *(Cell(version, LOCKED) for version in VERSIONS),
    *(Cell(EMBEDDED, pair) for pair in PAIRS if pair != LOCKED),
)
"""Each PostgreSQL with the locked pair, and each other pair on the newest PostgreSQL."""


def chosen(
    versions: Sequence[str] = (), djangos: Sequence[str] = (), pythons: Sequence[str] = ()
) -> list[Cell]:
    """Return the cells of a choice, none where no Django of it runs on a Python of it.

    Without a Django or a Python it is a choice among CELLS. With one, it may name another cell.
    """
    if not versions and not djangos and not pythons:
        return list(CELLS)
    if not djangos and not pythons:
        return [Cell(version, LOCKED) for version in versions]
    pairs = [
        pair
        for pair in PAIRS
        if pair.django in (djangos or DJANGOS) and pair.python in (pythons or PYTHONS)
    ]
    return [Cell(version, pair) for version, pair in product(versions or [EMBEDDED], pairs)]
