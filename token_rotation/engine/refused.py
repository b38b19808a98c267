"""Rows that PostgreSQL refused to change, as results tell of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from token_rotation import wording
from token_rotation.operations.stored_output import read_number, read_object

MOST_NAMED = 100
MOST_SAID = 10
CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row and the reason, neither of which holds a token.

    ``name`` is its primary key, or its place in the table where the key is secret.
    """

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The number of refused rows; the first ones by name.

    ``others_untried``: too many were refused in a row, so that others were not tried one by one.
    """

    rows: int = 0
    named: tuple[RefusedRow, ...] = ()
    others_untried: bool = False

    def __bool__(self) -> bool:
        return self.rows > 0

    def as_values(self) -> dict[str, Any]:
        """Return JSON values."""
        named = [asdict(each) for each in self.named]
        return {"rows": self.rows, "named": named, "others_untried": self.others_untried}

    def as_sentence(self) -> str:
        """Say which rows, and why; "" without any."""
        if not self:
            return ""
        by_reason: dict[str, list[str]] = {}
        for each in self.named[:MOST_SAID]:
            by_reason.setdefault(each.reason, []).append(each.name)
        said = "; ".join(f"{', '.join(names)}: {why}" for why, names in by_reason.items())
        more = self.rows - min(self.rows, len(self.named), MOST_SAID)
        said += f"; and {more:,} more" if more else ""
        untried = ""
        if self.others_untried:
            untried = ". Too many in a row were refused, so that not every row was tried"
        return f"PostgreSQL refused to change {wording.things(self.rows, 'row')} ({said}){untried}"


NONE_REFUSED = Refused()


def read_refused(output: Any) -> Refused:
    """Return what a record's output says of refused rows; nothing where it has another form."""
    stored = read_object(read_object(output).get("refused"))
    named = stored.get("named")
    rows = [_row(read_object(each)) for each in named] if isinstance(named, list) else []
    number = max(int(read_number(stored.get("rows"))), len(rows))
    return Refused(number, tuple(rows[:MOST_NAMED]), stored.get("others_untried") is True)


def sum_of(parts: Iterable[Refused]) -> Refused:
    """Add up what was refused in parts of a table that have no row in common."""
    total = NONE_REFUSED
    for each in parts:
        total = Refused(
            total.rows + each.rows,
            (*total.named, *each.named)[:MOST_NAMED],
            total.others_untried or each.others_untried,
        )
    return total


def shown(text: str) -> str:
    """Return a key as one short line."""
    line = "".join(each if each.isprintable() else "?" for each in text)
    return line if len(line) <= CHARACTERS else f"{line[:CHARACTERS]}…"


def _row(stored: Mapping[str, Any]) -> RefusedRow:
    name, reason = (
        shown(value) if isinstance(value := stored.get(key), str) else wording.UNKNOWN
        for key in ("name", "reason")
    )
    return RefusedRow(name, reason)
