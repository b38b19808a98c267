"""The combinations that are tested: a PostgreSQL, a Django, a Python and a driver each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from matrix.versions import EMBEDDED, VERSIONS


@dataclass(frozen=True)
class Pair:
    """A Django and a Python, such as 6.1 and 3.13, and the psycopg that Django uses."""

    django: str
    python: str
    psycopg: str = "2"

    def __str__(self) -> str:
        driver = "" if self.psycopg == "2" else f", psycopg {self.psycopg}"
        return f"Django {self.django}, Python {self.python}{driver}"


@dataclass(frozen=True)
class Cell:
    """One place in the matrix."""

    postgresql: str
    pair: Pair

    def __str__(self) -> str:
        return f"PostgreSQL {self.postgresql}, {self.pair}"


PAIRS = (
    Pair("5.2", "3.11"),
    Pair("6.1", "3.13"),
    Pair("5.2", "3.13", "3"),
    Pair("6.0", "3.12", "3"),
    Pair("6.1", "3.13", "3"),
    Pair("6.1", "3.14", "3"),
)
"""Each supported Django and each Python; the oldest and the newest Django with each psycopg."""

LOCKED = PAIRS[0]
"""The Django that the locks have, on the oldest Python."""

DJANGOS = tuple(sorted({pair.django for pair in PAIRS}))
PYTHONS = tuple(sorted({pair.python for pair in PAIRS}))
PSYCOPGS = tuple(sorted({pair.psycopg for pair in PAIRS}))

CELLS = (
    *(Cell(version, LOCKED) for version in VERSIONS),
    *(Cell(EMBEDDED, pair) for pair in PAIRS if pair != LOCKED),
)
"""Each PostgreSQL with the locked pair, and each other pair on the newest PostgreSQL."""


def chosen(
    versions: Sequence[str] = (),
    djangos: Sequence[str] = (),
    pythons: Sequence[str] = (),
    psycopgs: Sequence[str] = (),
) -> list[Cell]:
    """Return the cells of a choice, none where no Django of it runs on a Python of it.

    Without any but PostgreSQL's it is a choice among CELLS. With one, it may name another cell.
    """
    has_pair = bool(djangos or pythons or psycopgs)
    if not versions and not has_pair:
        return list(CELLS)
    if not has_pair:
        return [Cell(version, LOCKED) for version in versions]
    pairs = [
        pair
        for pair in PAIRS
        if pair.django in (djangos or DJANGOS)
        and pair.python in (pythons or PYTHONS)
        and pair.psycopg in (psycopgs or PSYCOPGS)
    ]
    return [Cell(version, pair) for version, pair in product(versions or [EMBEDDED], pairs)]
