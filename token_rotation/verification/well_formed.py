"""Say which lines of a file hold a token of a declared format, without a database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import BinaryIO

from token_rotation.selection.list_file import numbered_lines
from token_rotation.tokens.finding import Likeness, find_tokens
from token_rotation.tokens.formats import TokenFormat
from token_rotation.wording import things

MOST_LINES = 100
SAID = {
    Likeness.WELL_FORMED: "a token with the right checksum",
    Likeness.ALIKE: "like a token of a format without a checksum",
    Likeness.NOISE: "like a token, but the checksum is wrong",
    None: "no token of a declared format with a prefix",
}


def check_lines(file: BinaryIO, formats: Sequence[TokenFormat], say: Callable[[str], None]) -> bool:
    """Return True if each nonempty line, and there is one, may hold a token.

    Says counts and the numbers of lines, never a token.
    """
    lines: dict[Likeness | None, list[int]] = {likeness: [] for likeness in SAID}
    counts = dict.fromkeys(SAID, 0)
    for number, text in numbered_lines(file):
        likeness = max((each.likeness for each in find_tokens(text, formats)), default=None)
        counts[likeness] += 1
        if counts[likeness] <= MOST_LINES:
            lines[likeness].append(number)
    for likeness, what in SAID.items():
        if counts[likeness]:
            named = _named(lines[likeness], counts[likeness])
            say(f"{things(counts[likeness], 'line')}: {what}: {named}")
    bad = counts[Likeness.NOISE] + counts[None]
    if not any(counts.values()):
        say("There is no line.")
    return not bad and any(counts.values())


def _named(numbers: Sequence[int], count: int) -> str:
    more = f" and {count - len(numbers):,} more" if count > len(numbers) else ""
    return f"{', '.join(map(str, numbers))}{more}"
