"""What a search of a database found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from token_rotation import wording
from token_rotation.verification.everywhere.not_searched import NotSearched


@dataclass(frozen=True, slots=True)
class Copies:
    """Rows of one column that hold a listed token.

    In ``alone_rows`` of them the token is the whole value.
    """

    table: str
    column: str
    rows: int
    alone_rows: int

    @property
    def sentence(self) -> str:
        """Say where copies are, and how many."""
        rows, verb = wording.things(self.rows, "row"), "holds" if self.rows == 1 else "hold"
        inside = self.rows - self.alone_rows
        how = f", {inside:,} of them inside longer text" if inside else ""
        return f"{self.table}.{self.column}: {rows} {verb} a listed token{how}."


@dataclass(frozen=True, slots=True)
class Findings:
    """The result of a search; it holds no value and no key.

    ``tables`` are those that were searched to their end, as "schema.table".
    """

    copies: tuple[Copies, ...]
    tables: tuple[str, ...]
    columns: int
    not_searched: tuple[NotSearched, ...]

    @property
    def is_complete(self) -> bool:
        """Return True if everything was searched that a search can reach.

        A database without a column to search, such as an empty one, is none that tokens are in.
        """
        hidden = any(each.why.may_hide_a_copy for each in self.not_searched)
        return self.columns > 0 and not hidden

    def sentences(self, list_name: str, lines: int) -> Iterator[str]:
        """Say what was found, then what was not searched."""
        tokens = wording.things(lines, "token")
        tables = wording.things(len(self.tables), "table")
        columns = wording.things(self.columns, "column")
        yield f"{list_name} lists {tokens}; searched {columns} of {tables}."
        for each in self.copies:
            yield each.sentence
        for left_out in self.not_searched:
            yield left_out.sentence
        if self.copies:
            yield "Listed tokens are stored in the columns above. Delete or mask them there."
        elif self.columns == 0 and not self.not_searched:
            yield (
                "Nothing was searched, so nothing is known: this database has no table. Check its "
                "address, or give --database, then run the same command again."
            )
        elif self.is_complete:
            yield "No searched column holds a listed token."
        else:
            yield (
                "No searched column holds a listed token, but the search is incomplete. Mend what "
                "was not searched, then run the same command again."
            )
