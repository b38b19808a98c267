"""The rows of a target that a rotation changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

LONGEST_WAIT = timedelta(seconds=60)
"""Of a run, for the database's clock to get to a cut-off that lies ahead of it."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A part of a WHERE clause, with values.

    It is SQL with one ``%s`` for each of ``values``.

    Columns are named with their table. Django compiled the text; nobody typed it.
    """

    text: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """The rows that count as pending.

    It says what makes a row pending, and which pending rows count.

    A row is pending when its marker is NULL or, with ``issued_before``, earlier than that. A marker
    that is later than the server's clock counts as earlier: ``targets.later_rows`` finds these.
    ``asked_at`` is the server's clock when the cut-off was typed; None if nobody typed it.
    ``condition`` narrows this to some rows; ``where`` is its text as typed. ``list_args`` are the
    command-line arguments that name a list of rows; the list itself is read elsewhere.
    """

    issued_before: datetime | None = None
    condition: Condition | None = None
    where: tuple[str, ...] = ()
    list_args: tuple[str, ...] = ()
    asked_at: datetime | None = field(default=None, compare=False)

    def settled_at(self, now: datetime) -> Selection:
        """Return the selection as a run that starts ``now`` takes it.

        ``now`` is the database's clock. A cut-off that was not in the past when it was typed
        becomes ``now``, unless it lies a little ahead: the clock was put back, and the run can wait
        until it gets there.
        """
        cut_off, asked_at = self.issued_before, self.asked_at
        if cut_off is None:
            return self
        is_past = cut_off < (now if asked_at is None else asked_at)
        if is_past or now < cut_off <= now + LONGEST_WAIT:
            return replace(self, asked_at=now)
        return replace(self, issued_before=now, asked_at=now)

    @property
    def is_everything(self) -> bool:
        return self == EVERY_ROW

    @property
    def is_indexed(self) -> bool:
        """Return True when the partial index holds exactly these rows.

        The index is the marker's.
        """
        return self.issued_before is None and self.condition is None

    @property
    def leaves_rows_out(self) -> bool:
        """Return True when pending rows may lie outside the selection."""
        return bool(self.condition or self.where) or self.is_list_only

    @property
    def is_list_only(self) -> bool:
        """Return True if only listed rows are selected."""
        return self.list_args[:1] == ("--only",)

    @property
    def cli_args(self) -> Iterator[str]:
        """The command-line arguments that select the same rows.

        A cut-off is written as a point in time, so that a resumed run has the same one.
        """
        if self.issued_before is not None:
            yield from ("--issued-before", self.issued_before.isoformat())
        for expression in self.where:
            yield from ("--where", expression)
        yield from self.list_args

    def as_input(self) -> dict[str, Any]:
        """Return the JSON values that a record keeps.

        Of a list, only the arguments.
        """
        time = self.issued_before
        return {
            "issued_before": None if time is None else time.isoformat(),
            "where": list(self.where),
            "list": list(self.list_args),
        }


EVERY_ROW = Selection()
"""Each row whose marker is NULL."""
