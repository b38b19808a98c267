"""The verdict on each UPDATE."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import product

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
class Case:
    """One UPDATE of one row."""

    change: Change
    stored: Stored
    written: Written
    asker: Asker = Asker.WRITER
    known: Known = Known.NEW
    accept: Accept = Accept.FRESH


@dataclass(frozen=True)
class Rule:
    """A line of the table: the cases that it decides, the verdict and the reason.

    None stands for every value.
    """

    verdict: Verdict
    reason: str
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


UNCHANGED = (Change.SAME, Change.BOTH_ABSENT)


_PRESENT = (Change.CHANGED, Change.ISSUED)


_PASS = Verdict(Token.SENT, Marker.SENT)


UPDATES = (
    Rule(
        _PASS,
        "nothing changes",
        change=UNCHANGED,
        written=(Written.SAME,),
    ),
    Rule(
        _PASS,
        "the row is asked to be rotated again",
        change=UNCHANGED,
        written=(Written.NULL,),
    ),
    Rule(
        Verdict(Token.SENT, Marker.STORED, Said.MARKER_KEPT),
        "the marker never claims a rotation that did not happen",
        change=UNCHANGED,
    ),
    Rule(
        Verdict(Token.SENT, Marker.CLOCK),
        "an absent token opens nothing; the marker keeps a stale save from bringing it back",
        change=(Change.TAKEN_AWAY,),
    ),
    Rule(
        Verdict(Token.FRESH, Marker.CLOCK),
        "a wish is a rotation, and the value that was sent may be leaked",
        change=_PRESENT,
        asker=Asker.WISH,
        accept=Accept.FRESH,
    ),
    Rule(
        Verdict(Token.NONE, Marker.NONE, Said.RETIRED_REFUSED),
        "a wish never fails silently",
        change=_PRESENT,
        asker=Asker.WISH,
        known=Known.RETIRED,
        accept=Accept.SENT,
    ),
    Rule(
        HELD,
        "the token may be leaked, and is not retired yet",
        change=_PRESENT,
        asker=Asker.WISH,
        known=Known.HELD,
        accept=Accept.SENT,
    ),
    Rule(
        MAY_BE_HELD,
        "the snapshot does not show a row that became pending since",
        change=_PRESENT,
        asker=Asker.WISH,
        known=Known.UNSURE,
        accept=Accept.SENT,
    ),
    Rule(
        Verdict(Token.SENT, Marker.CLOCK),
        "the application chooses the value, which is not retired",
        change=_PRESENT,
        asker=Asker.WISH,
        accept=Accept.SENT,
    ),
    Rule(
        Verdict(Token.STORED, Marker.STORED, Said.RETIRED_KEPT),
        "a retired token never comes back",
        change=_PRESENT,
        known=Known.RETIRED,
    ),
    Rule(
        _PASS,
        "this is a rotation",
        change=(Change.CHANGED,),
        stored=(Stored.PENDING, Stored.ROTATED),
        written=(Written.LATER,),
    ),
    Rule(
        _PASS,
        "this is a rotation",
        change=(Change.ISSUED,),
        stored=(Stored.ROTATED,),
        written=(Written.LATER,),
    ),
    Rule(
        Verdict(Token.FRESH, Marker.CLOCK, Said.OTHER_TOKEN),
        "a token is issued, and the value that was sent may be leaked",
        change=(Change.ISSUED,),
        written=(Written.SAME,),
        accept=Accept.FRESH,
    ),
    Rule(
        Verdict(Token.FRESH, Marker.CLOCK, Said.OTHER_TOKEN),
        "the row has no time of which the token could be newer",
        change=(Change.ISSUED,),
        stored=(Stored.PENDING,),
        written=(Written.BEFORE, Written.LATER),
        accept=Accept.FRESH,
    ),
    Rule(
        HELD,
        "the token may be leaked, and is not retired yet",
        change=(Change.ISSUED,),
        written=(Written.SAME,),
        known=Known.HELD,
        accept=Accept.SENT,
    ),
    Rule(
        HELD,
        "the token may be leaked, and is not retired yet",
        change=(Change.ISSUED,),
        stored=(Stored.PENDING,),
        written=(Written.BEFORE, Written.LATER),
        known=Known.HELD,
        accept=Accept.SENT,
    ),
    Rule(
        MAY_BE_HELD,
        "the snapshot does not show a row that became pending since",
        change=(Change.ISSUED,),
        written=(Written.SAME,),
        known=Known.UNSURE,
        accept=Accept.SENT,
    ),
    Rule(
        MAY_BE_HELD,
        "the snapshot does not show a row that became pending since",
        change=(Change.ISSUED,),
        stored=(Stored.PENDING,),
        written=(Written.BEFORE, Written.LATER),
        known=Known.UNSURE,
        accept=Accept.SENT,
    ),
    Rule(
        Verdict(Token.SENT, Marker.CLOCK),
        "a token is issued, which is not retired",
        change=(Change.ISSUED,),
        written=(Written.SAME,),
        accept=Accept.SENT,
    ),
    Rule(
        Verdict(Token.SENT, Marker.CLOCK),
        "a token is issued, which is not retired",
        change=(Change.ISSUED,),
        stored=(Stored.PENDING,),
        written=(Written.BEFORE, Written.LATER),
        accept=Accept.SENT,
    ),
    Rule(
        Verdict(Token.STORED, Marker.STORED, Said.STAYS_ABSENT),
        "a stale save does not bring back what was taken away",
        change=(Change.ISSUED,),
    ),
    Rule(
        Verdict(Token.SENT, Marker.NULL, Said.STAYS_PENDING),
        "the row stays pending, so the rotation replaces the token",
        change=(Change.CHANGED,),
        stored=(Stored.PENDING,),
    ),
    Rule(
        Verdict(Token.STORED, Marker.STORED, Said.TOKEN_KEPT),
        "a stale save brings no leaked token back, and a marker that is not of this transaction "
        "proves nothing",
        change=(Change.CHANGED,),
    ),
)
"""The first rule that decides a case gives the verdict."""

AFTER_UPDATES = Rule(
    RETIRED_MEANWHILE,
    "the snapshot did not show it; tried again, the write meets a retired token",
    change=_PRESENT,
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
        if change not in _PRESENT and (known is not Known.NEW or asker is Asker.WISH):
            continue  # an absent or unchanged token is neither
        yield Case(change, stored, written, asker, known=known, accept=accept)
