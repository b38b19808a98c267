"""What a write is, and what becomes of it, in the words of the truth table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Accept(StrEnum):
    """The token that a wish or an INSERT stores."""

    FRESH = "fresh"
    SENT = "sent"


class Change(StrEnum):
    """The stored token beside the token being written.

    An absent token is NULL or, in a text column, empty. An issued one was absent before.
    """

    SAME = "same"
    BOTH_ABSENT = "absent"
    TAKEN_AWAY = "taken away"
    CHANGED = "changed"
    ISSUED = "issued"


class Stored(StrEnum):
    """The marker of the stored row."""

    PENDING = "NULL"
    ROTATED = "in the past"
    FUTURE = "in the future"
    INFINITE = "infinite"


class Written(StrEnum):
    """The marker being written, beside the stored one.

    ``BEFORE`` and ``LATER`` are later than that: from before this statement, and of it.
    """

    SAME = "same"
    NULL = "NULL"
    EARLIER = "earlier"
    BEFORE = "old"
    LATER = "new"
    FUTURE = "in the future"
    INFINITE = "infinite"


class Asker(StrEnum):
    """The writer, as far as the guard can tell.

    A stale save, raw SQL and a rotation differ in nothing but what they write.
    """

    WRITER = "any writer"
    WISH = "wish"


class Known(StrEnum):
    """What the database knows of the token that is sent.

    ``RETIRED``: the model keeps retired tokens, and it is one. ``MISSED``: it became one, and the
    snapshot does not show it. ``HELD``: the column is not unique, and another pending row has it.
    ``UNSURE``: the column is not unique, and the snapshot may not show such a row.
    """

    NEW = "new"
    RETIRED = "retired"
    MISSED = "missed"
    HELD = "held"
    UNSURE = "unsure"


class Token(StrEnum):
    """The token that the row has afterwards."""

    SENT = "sent"
    STORED = "stored"
    FRESH = "fresh"
    NONE = "fails"


class Marker(StrEnum):
    """The marker that the row has afterwards."""

    SENT = "sent"
    STORED = "stored"
    NULL = "NULL"
    CLOCK = "clock"
    NONE = "fails"


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
    MAY_BE_HELD = "a pending row may have the token that was sent: use READ COMMITTED"
    RETIRED_MEANWHILE = "a token was retired while it was written again"


ERRORS = frozenset(
    {Said.RETIRED_REFUSED, Said.HELD_REFUSED, Said.MAY_BE_HELD, Said.RETIRED_MEANWHILE}
)
"""What is said by an error instead of a warning."""


@dataclass(frozen=True)
class Verdict:
    """The row afterwards, and what is said. It is an error if the write fails."""

    token: Token
    marker: Marker
    said: Said | None = None


HELD = Verdict(Token.NONE, Marker.NONE, Said.HELD_REFUSED)
MAY_BE_HELD = Verdict(Token.NONE, Marker.NONE, Said.MAY_BE_HELD)
RETIRED_MEANWHILE = Verdict(Token.NONE, Marker.NONE, Said.RETIRED_MEANWHILE)
