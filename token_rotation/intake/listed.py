"""The lines of a file of leaked tokens: what is reported, and what nobody could have found."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from unicodedata import category

from token_rotation.intake.report import ReportedToken
from token_rotation.intake.take_in import AROUND_A_TOKEN
from token_rotation.selection.leak_list import is_more_than_a_value
from token_rotation.selection.list_file import NO_TEXT


@dataclass(frozen=True, slots=True)
class ListedTokens:
    """Numbers and texts of the nonempty lines."""

    lines: Sequence[tuple[int, str]]

    @property
    def reported(self) -> tuple[ReportedToken, ...]:
        return tuple(ReportedToken(text) for _, text in self.lines if _is_text(text))

    def unread(self, found: AbstractSet[str]) -> list[int]:
        """Return the numbers of lines that prove nothing, once these texts were found.

        They are no text, or hold more than a token: as a whole they would be found nowhere.
        """
        return [
            number
            for number, text in self.lines
            if not _is_text(text)
            or (text not in found and is_more_than_a_value(text.strip(AROUND_A_TOKEN)))
        ]


def _is_text(line: str) -> bool:
    """Return False for what cannot be read, such as the UTF-16 of some shells and editors."""
    return line != NO_TEXT and not any(category(each) == "Cc" for each in line)
