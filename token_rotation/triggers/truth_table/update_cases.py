"""The UPDATEs of one row that the table tells apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from token_rotation.triggers.truth_table.words import (
    Accept,
    Asker,
    Change,
    Known,
    Stored,
    Written,
)

UNCHANGED = (Change.SAME, Change.BOTH_ABSENT)
PRESENT = (Change.CHANGED, Change.ISSUED)


@dataclass(frozen=True)
class Case:
    """One UPDATE of one row."""

    change: Change
    stored: Stored
    written: Written
    asker: Asker = Asker.WRITER
    known: Known = Known.NEW
    accept: Accept = Accept.FRESH


_WRITTEN = {
    Stored.PENDING: (
        Written.SAME,
        Written.BEFORE,
        Written.LATER,
        Written.FUTURE,
        Written.INFINITE,
    ),
    Stored.ROTATED: tuple(Written),
    Stored.FUTURE: (Written.SAME, Written.NULL, Written.EARLIER, Written.FUTURE, Written.INFINITE),
    Stored.INFINITE: (Written.SAME, Written.NULL, Written.EARLIER, Written.FUTURE),
}
"""The markers that can be written beside each stored one."""


def updates() -> Iterator[Case]:
    """Yield every case of an UPDATE."""
    choices = product(Change, Stored, Written, Asker, Known, Accept)
    for change, stored, written, asker, known, accept in choices:
        if written not in _WRITTEN[stored]:
            continue
        if change not in PRESENT and (known is not Known.NEW or asker is Asker.WISH):
            continue  # an absent or unchanged token is neither
        yield Case(change, stored, written, asker, known=known, accept=accept)
