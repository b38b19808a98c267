"""How far a job has come: stored with each batch, read by whoever goes on."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from token_rotation import wording

NAMED_AT_MOST = 100
"""So many items that were set aside are named; all are counted."""


@dataclass(frozen=True, slots=True)
class SetAside:
    """An item that could not be processed: its key, and why, without a value of the item."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class JobState:
    """The next batch begins behind ``cursor``, a JSON value; None is the beginning.

    ``done`` and ``failed`` count items. Those that failed were set aside.
    """

    cursor: Any = None
    done: int = 0
    failed: int = 0
    set_aside: tuple[SetAside, ...] = ()

    @property
    def gone(self) -> int:
        """The items behind the cursor, processed or set aside."""
        return self.done + self.failed

    @property
    def unnamed(self) -> int:
        """The items that were set aside and are not named: no retry can find them."""
        return self.failed - len(self.set_aside)

    @property
    def behind(self) -> str:
        """Return ``, behind 1,234 items``; "" at the beginning."""
        return "" if self.cursor is None else f", behind {wording.things(self.gone, 'item')}"

    def after(self, items: int, cursor: Any) -> JobState:
        """Return the state after so many more items."""
        return replace(self, done=self.done + items, cursor=cursor)

    def without(self, key: str, reason: str, cursor: Any) -> JobState:
        """Return the state after an item that was set aside."""
        named = self.set_aside[: NAMED_AT_MOST - 1]
        return replace(
            self,
            failed=self.failed + 1,
            set_aside=(*named, SetAside(key, reason)),
            cursor=cursor,
        )

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def read_state(value: Any) -> JobState:
    """Return what was stored; the beginning where nothing is that this code understands."""
    try:
        aside = [SetAside(str(each["key"]), str(each["reason"])) for each in value["set_aside"]]
        return JobState(value["cursor"], int(value["done"]), int(value["failed"]), tuple(aside))
    except (KeyError, TypeError, ValueError):
        return JobState()
