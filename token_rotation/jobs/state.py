"""How far a job has come: stored with each batch, read by whoever goes on."""

from __future__ import annotations

from collections.abc import Sequence
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
class Span:
    """The items behind ``after`` and up to ``until``, cursors; None has no bound."""

    after: Any = None
    until: Any = None


@dataclass(frozen=True, slots=True)
class JobState:
    """What is left: the next batch begins in the first of ``spans``.

    ``done`` and ``failed`` count items. Those that failed were set aside. The runs that share a job
    out, ``shares`` of them, have the same ``split``. ``is_complete`` is known of those alone.
    """

    spans: tuple[Span, ...] = (Span(),)
    done: int = 0
    failed: int = 0
    set_aside: tuple[SetAside, ...] = ()
    split: str = ""
    shares: int = 1
    is_complete: bool = False

    @property
    def cursor(self) -> Any:
        """Where the next batch begins: a JSON value; None is the beginning."""
        return self.spans[0].after

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
        return f", behind {wording.things(self.gone, 'item')}" if self.gone else ""

    def after(self, items: int, cursor: Any) -> JobState:
        """Return the state after so many more items."""
        return replace(self, done=self.done + items, spans=self._behind(cursor))

    def without(self, key: str, reason: str, cursor: Any) -> JobState:
        """Return the state after an item that was set aside."""
        return replace(
            self,
            failed=self.failed + 1,
            set_aside=(*self.set_aside[: NAMED_AT_MOST - 1], SetAside(key, reason)),
            spans=self._behind(cursor),
        )

    def in_next_span(self) -> JobState | None:
        """Return the state at the end of the first span; None where that was the last one."""
        return replace(self, spans=self.spans[1:]) if len(self.spans) > 1 else None

    def _behind(self, cursor: Any) -> tuple[Span, ...]:
        return (replace(self.spans[0], after=cursor), *self.spans[1:])

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def together(states: Sequence[JobState]) -> JobState:
    """Return what several runs have left, as the state of one; the beginning for none."""
    if not states:
        return JobState()
    aside = [each for state in states for each in state.set_aside]
    return JobState(
        tuple(span for state in states for span in state.spans),
        done=sum(state.done for state in states),
        failed=sum(state.failed for state in states),
        set_aside=tuple(aside[:NAMED_AT_MOST]),
    )


def read_state(value: Any) -> JobState:
    """Return what was stored; the beginning where nothing is that this code understands."""
    try:
        return JobState(
            tuple(Span(each["after"], each["until"]) for each in value["spans"]) or (Span(),),
            done=int(value["done"]),
            failed=int(value["failed"]),
            set_aside=tuple(SetAside(**each) for each in value["set_aside"]),
            split=str(value["split"]),
            shares=int(value.get("shares", 1)),
            is_complete=bool(value["is_complete"]),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return JobState()
