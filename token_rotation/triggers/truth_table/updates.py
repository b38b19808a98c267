"""The verdict on each UPDATE."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from token_rotation.triggers.truth_table.reasons import Why
from token_rotation.triggers.truth_table.update_cases import PRESENT, UNCHANGED, Case
from token_rotation.triggers.truth_table.words import (
    HELD,
    MAY_BE_HELD,
    RETIRED_MEANWHILE,
    Accept,
    Asker,
    Change,
    Known,
    Marker,
    Said,
    Stored,
    Token,
    Verdict,
    Written,
)


@dataclass(frozen=True)
class Rule:
    """A line of the table: the cases that it decides, the verdict and the reason.

    None stands for every value.
    """

    verdict: Verdict
    reason: Why
    change: Collection[Change]
    stored: Collection[Stored] | None = None
    written: Collection[Written] | None = None
    asker: Asker | None = None
    known: Known | None = None
    accept: Accept | None = None

    def decides(self, case: Case) -> bool:
        """Return True if no earlier rule may decide and this one does."""
        return (
            case.change in self.change
            and (self.stored is None or case.stored in self.stored)
            and (self.written is None or case.written in self.written)
            and self.asker in {None, case.asker}
            and self.known in {None, case.known}
            and self.accept in {None, case.accept}
        )


_PASS = Verdict(Token.SENT, Marker.SENT)


UPDATES = (
    Rule(
        _PASS,
        Why.UNCHANGED,
        change=UNCHANGED,
        written=(Written.SAME,),
    ),
    Rule(
        _PASS,
        Why.ASKED,
        change=UNCHANGED,
        written=(Written.NULL,),
    ),
    Rule(
        Verdict(Token.SENT, Marker.STORED, Said.MARKER_KEPT),
        Why.NO_ROTATION,
        change=UNCHANGED,
    ),
    Rule(
        Verdict(Token.SENT, Marker.CLOCK),
        Why.STALE_LATER,
        change=(Change.TAKEN_AWAY,),
    ),
    Rule(
        Verdict(Token.FRESH, Marker.CLOCK),
        Why.MAY_LEAK,
        change=PRESENT,
        asker=Asker.WISH,
        accept=Accept.FRESH,
    ),
    Rule(
        Verdict(Token.NONE, Marker.NONE, Said.RETIRED_REFUSED),
        Why.RETIRED,
        change=PRESENT,
        asker=Asker.WISH,
        known=Known.RETIRED,
        accept=Accept.SENT,
    ),
    Rule(
        HELD,
        Why.HELD,
        change=PRESENT,
        asker=Asker.WISH,
        known=Known.HELD,
        accept=Accept.SENT,
    ),
    Rule(
        MAY_BE_HELD,
        Why.UNSURE,
        change=PRESENT,
        asker=Asker.WISH,
        known=Known.UNSURE,
        accept=Accept.SENT,
    ),
    Rule(
        Verdict(Token.SENT, Marker.CLOCK),
        Why.CHOSEN,
        change=PRESENT,
        asker=Asker.WISH,
        accept=Accept.SENT,
    ),
    Rule(
        Verdict(Token.STORED, Marker.STORED, Said.RETIRED_KEPT),
        Why.RETIRED,
        change=PRESENT,
        known=Known.RETIRED,
    ),
    Rule(
        _PASS,
        Why.ROTATION,
        change=(Change.CHANGED,),
        stored=(Stored.PENDING, Stored.ROTATED),
        written=(Written.LATER,),
    ),
    Rule(
        _PASS,
        Why.ROTATION,
        change=(Change.ISSUED,),
        stored=(Stored.ROTATED,),
        written=(Written.LATER,),
    ),
    Rule(
        Verdict(Token.FRESH, Marker.CLOCK, Said.OTHER_TOKEN),
        Why.MAY_LEAK,
        change=(Change.ISSUED,),
        written=(Written.SAME,),
        accept=Accept.FRESH,
    ),
    Rule(
        Verdict(Token.FRESH, Marker.CLOCK, Said.OTHER_TOKEN),
        Why.NO_TIME,
        change=(Change.ISSUED,),
        stored=(Stored.PENDING,),
        written=(Written.BEFORE, Written.LATER),
        accept=Accept.FRESH,
    ),
    Rule(
        HELD,
        Why.HELD,
        change=(Change.ISSUED,),
        written=(Written.SAME,),
        known=Known.HELD,
        accept=Accept.SENT,
    ),
    Rule(
        HELD,
        Why.HELD,
        change=(Change.ISSUED,),
        stored=(Stored.PENDING,),
        written=(Written.BEFORE, Written.LATER),
        known=Known.HELD,
        accept=Accept.SENT,
    ),
    Rule(
        MAY_BE_HELD,
        Why.UNSURE,
        change=(Change.ISSUED,),
        written=(Written.SAME,),
        known=Known.UNSURE,
        accept=Accept.SENT,
    ),
    Rule(
        MAY_BE_HELD,
        Why.UNSURE,
        change=(Change.ISSUED,),
        stored=(Stored.PENDING,),
        written=(Written.BEFORE, Written.LATER),
        known=Known.UNSURE,
        accept=Accept.SENT,
    ),
    Rule(
        Verdict(Token.SENT, Marker.CLOCK),
        Why.CHOSEN,
        change=(Change.ISSUED,),
        written=(Written.SAME,),
        accept=Accept.SENT,
    ),
    Rule(
        Verdict(Token.SENT, Marker.CLOCK),
        Why.CHOSEN,
        change=(Change.ISSUED,),
        stored=(Stored.PENDING,),
        written=(Written.BEFORE, Written.LATER),
        accept=Accept.SENT,
    ),
    Rule(
        Verdict(Token.STORED, Marker.STORED, Said.STAYS_ABSENT),
        Why.STALE,
        change=(Change.ISSUED,),
    ),
    Rule(
        Verdict(Token.SENT, Marker.NULL, Said.STAYS_PENDING),
        Why.STAYS_PENDING,
        change=(Change.CHANGED,),
        stored=(Stored.PENDING,),
    ),
    Rule(
        Verdict(Token.STORED, Marker.STORED, Said.TOKEN_KEPT),
        Why.STALE,
        change=(Change.CHANGED,),
    ),
)
"""The first rule that decides a case gives the verdict."""

AFTER_UPDATES = Rule(
    RETIRED_MEANWHILE,
    Why.MISSED,
    change=PRESENT,
    known=Known.MISSED,
)
"""Decides once more, after the write, if that stored the token that was sent."""


def verdict_of(case: Case) -> Verdict:
    """Return the verdict on an UPDATE."""
    verdict = verdict_before(case)
    if verdict.token is Token.SENT and AFTER_UPDATES.decides(case):
        return AFTER_UPDATES.verdict
    return verdict


def verdict_before(case: Case) -> Verdict:
    """Return the verdict before the row is written."""
    return next(rule.verdict for rule in UPDATES if rule.decides(case))
