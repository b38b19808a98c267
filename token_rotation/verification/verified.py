"""How many listed tokens a column still holds."""

from __future__ import annotations

from dataclasses import dataclass

from token_rotation import wording
from token_rotation.inspection.verdict.open_writer import OpenWriter, writers_as_sentence
from token_rotation.selection.leak_list import LeakList
from token_rotation.verification.token_column import TokenColumn


@dataclass(frozen=True, slots=True)
class Verified:
    """Number of listed tokens, and of those still valid.

    Of ``lines`` listed tokens, ``valid_lines`` open something. One listed twice counts twice.
    ``derived`` are the names of derived columns, each with the number of listed tokens that it
    still holds; for a list of SHA-256, with the number of rows that do not follow from their
    token. ``open_writers`` may yet commit a listed token.
    """

    lines: int
    valid_lines: int
    derived: tuple[tuple[str, int], ...] = ()
    open_writers: tuple[OpenWriter, ...] = ()

    @property
    def none_valid(self) -> bool:
        return self.valid_lines == 0 and not any(number for _, number in self.derived)


def verified_as_sentences(
    column: TokenColumn, leak_list: LeakList, verified: Verified
) -> list[str]:
    """Say how many listed tokens still open something, in each column."""
    sentences = [_of_the_token(column, leak_list, verified)]
    is_hashed = leak_list.kind.name == "hashes"
    for name, number in verified.derived:
        where = f"{column.label}: the derived column {name}"
        if not number:
            sentences.append(f"{where} holds nothing of a listed token.")
        elif is_hashed:
            rows = wording.things(number, "row")
            sentences.append(f"{where} does not follow from the token in {rows}.")
        else:
            tokens = wording.things(number, "listed token")
            sentences.append(f"{where} still holds the value of {tokens}.")
    if verified.open_writers:
        because = writers_as_sentence(verified.open_writers)
        sentences.append(f"{column.label}: not verified: {because}.")
    return sentences


def _of_the_token(column: TokenColumn, leak_list: LeakList, verified: Verified) -> str:
    one, several = "token", "tokens"
    if leak_list.kind.name != "tokens":
        one, several = "SHA-256 of a token", "SHA-256 of tokens"
    of_what = wording.things(verified.lines, one, several)
    listed = f"{column.label}: {leak_list.name} lists {of_what}"
    if not verified.valid_lines:
        return f"{listed}; none of them opens anything."
    verb = "opens" if verified.valid_lines == 1 else "open"
    return f"{listed}; {verified.valid_lines:,} of them still {verb} something."
