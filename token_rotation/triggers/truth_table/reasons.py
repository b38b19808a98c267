"""Why a rule of the truth table decides as it does."""

from __future__ import annotations

from enum import StrEnum


class Why(StrEnum):
    """The reason of a verdict, for who reads the rules."""

    UNCHANGED = "nothing changes"
    ASKED = "another rotation"
    NO_ROTATION = "no rotation"
    STALE_LATER = "no stale save undoes it"
    MAY_LEAK = "may be leaked"
    RETIRED = "never comes back"
    MISSED = "try again"
    HELD = "not retired yet"
    UNSURE = "may be held"
    CHOSEN = "chosen"
    ROTATION = "a rotation"
    NO_TIME = "no time to compare"
    STALE = "may be a stale save"
    STAYS_PENDING = "the next rotation replaces it"
    ABSENT = "opens nothing"
    NO_NEW_ROW = "no new row"
