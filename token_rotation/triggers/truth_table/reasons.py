"""Why a rule of the truth table decides as it does."""

from __future__ import annotations

from enum import StrEnum


class Why(StrEnum):
    """The reason of a verdict, in the few words that the documentation has room for."""

    UNCHANGED = "nothing changes"
    ASKED = "asks for another rotation"
    NO_ROTATION = "no rotation happened"
    STALE_LATER = "a stale save must not undo it"
    MAY_LEAK = "the sent token may be leaked"
    RETIRED = "retired tokens never come back"
    MISSED = "the snapshot is older: try again"
    HELD = "may be leaked, not retired yet"
    UNSURE = "the snapshot may hide pending rows"
    CHOSEN = "chosen, and not retired"
    ROTATION = "a rotation"
    NO_TIME = "no stored time to compare"
    STALE = "may be a stale save"
    STAYS_PENDING = "the next rotation replaces it"
    ABSENT = "opens nothing"
    NO_NEW_ROW = "no new row"
