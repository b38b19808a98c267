"""Which rows of a target a rotation is aimed at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Condition:
    """A part of a WHERE clause: SQL with a ``%s`` for each of ``values``, columns with their table.

    It holds what Django has compiled, never what somebody typed.
    """

    text: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """What makes a row pending, and which pending rows count.

    A row is pending when its marker is NULL or, with ``issued_before``, earlier than that.
    ``condition`` narrows that down to some rows; ``where`` is how it was typed. ``list_words`` are
    the command's words for a list of rows: it is named here and read elsewhere.
    """

    issued_before: datetime | None = None
    condition: Condition | None = None
    where: tuple[str, ...] = ()
    list_words: tuple[str, ...] = ()

    @property
    def is_everything(self) -> bool:
        return self == EVERY_ROW

    @property
    def is_indexed(self) -> bool:
        """Whether the partial index of the marker holds these rows and no others."""
        return self.issued_before is None and self.condition is None

    @property
    def leaves_rows_out(self) -> bool:
        """Whether rows without a marker may lie outside of it."""
        return self.condition is not None or self.is_list_only

    @property
    def is_list_only(self) -> bool:
        """Whether only listed rows are meant."""
        return self.list_words[:1] == ("--only",)

    @property
    def words(self) -> Iterator[str]:
        """The command's words for it. A cut-off is a point in time: a resume has the same."""
        if self.issued_before is not None:
            yield from ("--issued-before", self.issued_before.isoformat())
        for expression in self.where:
            yield from ("--where", expression)
        yield from self.list_words

    def as_input(self) -> dict[str, Any]:
        """The JSON values that a record keeps; a list is only named."""
        time = self.issued_before
        return {
            "issued_before": None if time is None else time.isoformat(),
            "where": list(self.where),
            "list": list(self.list_words),
        }


EVERY_ROW = Selection()
"""Each row whose marker is NULL."""
