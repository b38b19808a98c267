"""The verdict on each INSERT."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

from token_rotation.triggers.truth_table.reasons import Why
from token_rotation.triggers.truth_table.words import (
    HELD,
    MAY_BE_HELD,
    RETIRED_MEANWHILE,
    Accept,
    Marker,
    Said,
    Token,
    Verdict,
)


class Sent(StrEnum):
    """The token that an INSERT sends."""

    ALLOWED_ABSENT = "absent, allowed"
    FORBIDDEN_ABSENT = "absent, forbidden"
    PRESENT = "present"
    RETIRED = "retired"
    MISSED = "missed"
    HELD = "held"
    UNSURE = "unsure"


class Door(StrEnum):
    """The way into the table."""

    GUARDED = "INSERT"
    IGNORED = "INSERT under pgtrigger.ignore"
    MOVED = "move between partitions, token and marker unchanged"


@dataclass(frozen=True)
class Insertion:
    """One INSERT of one row, whatever its marker."""

    sent: Sent
    door: Door = Door.GUARDED
    accept: Accept = Accept.FRESH


@dataclass(frozen=True)
class InsertRule:
    """A line of the table of INSERTs; None stands for every value."""

    verdict: Verdict
    reason: Why
    sent: Collection[Sent] | None = None
    door: Collection[Door] = (Door.GUARDED,)
    accept: Accept | None = None

    def decides(self, case: Insertion) -> bool:
        """Return True if no earlier rule may decide and this one does."""
        return (
            case.door in self.door
            and (self.sent is None or case.sent in self.sent)
            and self.accept in {None, case.accept}
        )


_IS_PRESENT = (Sent.PRESENT, Sent.RETIRED, Sent.MISSED, Sent.HELD, Sent.UNSURE)


INSERTS = (
    InsertRule(
        Verdict(Token.SENT, Marker.NULL),
        Why.STAYS_PENDING,
        sent=_IS_PRESENT,
        door=(Door.IGNORED,),
    ),
    InsertRule(
        Verdict(Token.SENT, Marker.SENT),
        Why.ABSENT,
        door=(Door.IGNORED,),
    ),
    InsertRule(
        Verdict(Token.SENT, Marker.SENT),
        Why.NO_NEW_ROW,
        door=(Door.MOVED,),
    ),
    InsertRule(
        Verdict(Token.SENT, Marker.CLOCK),
        Why.ABSENT,
        sent=(Sent.ALLOWED_ABSENT,),
    ),
    InsertRule(
        Verdict(Token.NONE, Marker.NONE, Said.RETIRED_REFUSED),
        Why.RETIRED,
        sent=(Sent.RETIRED,),
        accept=Accept.SENT,
    ),
    InsertRule(
        RETIRED_MEANWHILE,
        Why.MISSED,
        sent=(Sent.MISSED,),
        accept=Accept.SENT,
    ),
    InsertRule(
        HELD,
        Why.HELD,
        sent=(Sent.HELD,),
        accept=Accept.SENT,
    ),
    InsertRule(
        MAY_BE_HELD,
        Why.UNSURE,
        sent=(Sent.UNSURE,),
        accept=Accept.SENT,
    ),
    InsertRule(
        Verdict(Token.SENT, Marker.CLOCK),
        Why.CHOSEN,
        sent=(Sent.PRESENT,),
        accept=Accept.SENT,
    ),
    InsertRule(
        Verdict(Token.FRESH, Marker.CLOCK),
        Why.MAY_LEAK,
    ),
)


def insert_verdict_of(case: Insertion) -> Verdict:
    """Return the verdict on an INSERT."""
    return next(rule.verdict for rule in INSERTS if rule.decides(case))


def insertions() -> Iterator[Insertion]:
    """Yield every case of an INSERT."""
    for sent, door, accept in product(Sent, Door, Accept):
        yield Insertion(sent, door, accept)
