"""Truth table of the guard, as data.

Pure: it knows neither Django nor SQL. The triggers take their texts from here. A test plays every
case on a server, and another compares the documentation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import product


class Accept(StrEnum):
    """The token that a wish or an INSERT stores."""

    FRESH = "fresh"
    SENT = "sent"


class Change(StrEnum):
    """The stored token beside the token being written.

    An absent token is NULL or, in a text column, empty.
    """

    SAME = "same"
    BOTH_ABSENT = "absent before and after"
    TAKEN_AWAY = "taken away"
    CHANGED = "changed"
    ISSUED = "absent before, present after"


class Stored(StrEnum):
    """The marker of the stored row."""

    PENDING = "NULL"
    ROTATED = "in the past"
    FUTURE = "in the future"
    INFINITE = "infinite"


class Written(StrEnum):
    """The marker being written, beside the stored one."""

    SAME = "same"
    NULL = "NULL"
    EARLIER = "earlier"
    BEFORE = "later, but from before this transaction"
    LATER = "later, of this transaction"
    FUTURE = "in the future"
    INFINITE = "infinite"


class Asker(StrEnum):
    """The writer, as far as the guard can tell.

    A stale save, raw SQL and a rotation differ in nothing but what they write.
    """

    WRITER = "any writer"
    WISH = "a wish"


class Known(StrEnum):
    """What the database knows of the token that is sent.

    ``RETIRED``: the model keeps retired tokens, and it is one. ``HELD``: the column is not unique.
    """

    NEW = "new"
    RETIRED = "retired"
    HELD = "held by a pending row"


class Token(StrEnum):
    """The token that the row has afterwards."""

    SENT = "as sent"
    STORED = "as stored"
    FRESH = "fresh"
    NONE = "the write fails"


class Marker(StrEnum):
    """The marker that the row has afterwards."""

    SENT = "as sent"
    STORED = "as stored"
    NULL = "NULL"
    CLOCK = "the clock's time"
    NONE = "the write fails"


class Said(StrEnum):
    """What the client is told. No text holds a key or a value."""

    MARKER_KEPT = "the marker was kept: it moves only with the token"
    TOKEN_KEPT = "token and marker were kept: this write is neither a rotation nor a wish"
    RETIRED_KEPT = "token and marker were kept: the token that was sent is retired"
    STAYS_ABSENT = "the token stays absent: the row has another marker than this write"
    STAYS_PENDING = "the row stays pending: the rotation will replace the token that was sent"
    OTHER_TOKEN = "another token was stored than the one that was sent"
    DERIVED_KEPT = "a column that is computed from the token was not stored as sent"
    RETIRED_REFUSED = "the token that was sent is retired: send another"
    HELD_REFUSED = "the token that was sent is that of a pending row: send another"
    RETIRED_MEANWHILE = "a token was retired while it was written again"


ERRORS = frozenset({Said.RETIRED_REFUSED, Said.HELD_REFUSED, Said.RETIRED_MEANWHILE})
"""What is said by an error instead of a warning."""


@dataclass(frozen=True)
class Verdict:
    """The row afterwards, and what is said. It is an error if the write fails."""

    token: Token
    marker: Marker
    said: Said | None = None


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


_UNCHANGED = (Change.SAME, Change.BOTH_ABSENT)
_PRESENT = (Change.CHANGED, Change.ISSUED)
_PASS = Verdict(Token.SENT, Marker.SENT)
_HELD = Verdict(Token.NONE, Marker.NONE, Said.HELD_REFUSED)

UPDATES = (
    Rule(
        _PASS,
        "nothing changes",
        change=_UNCHANGED,
        written=(Written.SAME,),
    ),
    Rule(
        _PASS,
        "the row is asked to be rotated again",
        change=_UNCHANGED,
        written=(Written.NULL,),
    ),
    Rule(
        Verdict(Token.SENT, Marker.STORED, Said.MARKER_KEPT),
        "the marker never claims a rotation that did not happen",
        change=_UNCHANGED,
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
        _HELD,
        "the token may be leaked, and is not retired yet",
        change=_PRESENT,
        asker=Asker.WISH,
        known=Known.HELD,
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
        _HELD,
        "the token may be leaked, and is not retired yet",
        change=(Change.ISSUED,),
        written=(Written.SAME,),
        known=Known.HELD,
        accept=Accept.SENT,
    ),
    Rule(
        _HELD,
        "the token may be leaked, and is not retired yet",
        change=(Change.ISSUED,),
        stored=(Stored.PENDING,),
        written=(Written.BEFORE, Written.LATER),
        known=Known.HELD,
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


def verdict_of(case: Case) -> Verdict:
    """Return the verdict on an UPDATE."""
    return next(rule.verdict for rule in UPDATES if rule.decides(case))


def moved_verdict_of(case: Case) -> Verdict:
    """Return the verdict on an UPDATE that moves its row to another partition.

    The update guard decides first. The row that it leaves is deleted and inserted; the insert guard
    leaves it alone if its token is the stored one.
    """
    left = verdict_of(case)
    if case.change in _UNCHANGED or left.token in {Token.STORED, Token.NONE}:
        return left
    inserted = insert_verdict_of(Insertion(_inserted(case), accept=case.accept))
    if inserted.token is Token.NONE:
        return inserted
    token = left.token if inserted.token is Token.SENT else inserted.token
    return Verdict(token, inserted.marker, left.said)


def _inserted(case: Case) -> Sent:
    if case.change is Change.TAKEN_AWAY:
        return Sent.ALLOWED_ABSENT
    return Sent.HELD if case.known is Known.HELD else Sent.PRESENT


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


class Sent(StrEnum):
    """The token that an INSERT sends."""

    ALLOWED_ABSENT = "absent, and the field allows it"
    FORBIDDEN_ABSENT = "absent, and the field forbids it"
    PRESENT = "present"
    RETIRED = "present and retired"
    HELD = "present and held by a pending row"


class Door(StrEnum):
    """The way into the table."""

    GUARDED = "INSERT"
    IGNORED = "INSERT under pgtrigger.ignore"
    MOVED = "a row moves between partitions, token and marker unchanged"


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
    reason: str
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


_IS_PRESENT = (Sent.PRESENT, Sent.RETIRED, Sent.HELD)

INSERTS = (
    InsertRule(
        Verdict(Token.SENT, Marker.NULL),
        "what comes in by that door is pending",
        sent=_IS_PRESENT,
        door=(Door.IGNORED,),
    ),
    InsertRule(
        Verdict(Token.SENT, Marker.SENT),
        "it opens nothing",
        door=(Door.IGNORED,),
    ),
    InsertRule(
        Verdict(Token.SENT, Marker.SENT),
        "it is no new row",
        door=(Door.MOVED,),
    ),
    InsertRule(
        Verdict(Token.SENT, Marker.CLOCK),
        "it opens nothing",
        sent=(Sent.ALLOWED_ABSENT,),
    ),
    InsertRule(
        Verdict(Token.NONE, Marker.NONE, Said.RETIRED_REFUSED),
        "a retired token never comes back, and the application is told",
        sent=(Sent.RETIRED,),
        accept=Accept.SENT,
    ),
    InsertRule(
        _HELD,
        "the token may be leaked, and is not retired yet",
        sent=(Sent.HELD,),
        accept=Accept.SENT,
    ),
    InsertRule(
        Verdict(Token.SENT, Marker.CLOCK),
        "the application chooses the value, which is not retired",
        sent=(Sent.PRESENT,),
        accept=Accept.SENT,
    ),
    InsertRule(
        Verdict(Token.FRESH, Marker.CLOCK),
        "the value that was sent may be leaked",
    ),
)


def insert_verdict_of(case: Insertion) -> Verdict:
    """Return the verdict on an INSERT."""
    return next(rule.verdict for rule in INSERTS if rule.decides(case))


def insertions() -> Iterator[Insertion]:
    """Yield every case of an INSERT."""
    for sent, door, accept in product(Sent, Door, Accept):
        yield Insertion(sent, door, accept)
