"""The regular expression of a format, as Python, RE2, PCRE and Hyperscan read it."""

from __future__ import annotations

import re
import string
from itertools import groupby

from token_rotation.tokens.checksum import BASE62, CHECKSUM_LENGTH
from token_rotation.tokens.formats import LEAST_PREFIX, TokenFormat

_RUNS = (string.digits, string.ascii_uppercase, string.ascii_lowercase)
_SHORTEST_RUN = 3
_WORD = frozenset(string.ascii_letters + string.digits + "_")


def is_findable(token_format: TokenFormat) -> bool:
    """Return True if a scanner can know the tokens: their prefix is long enough."""
    prefix = token_format.prefix
    return len(prefix) >= LEAST_PREFIX and sum(map(str.isalnum, prefix)) > 1


def pattern(token_format: TokenFormat) -> str:
    """Return an expression that matches the tokens of a format, without what is around them."""
    prefix, random = re.escape(token_format.prefix), character_class(token_format.alphabet)
    of_checksum = f"{character_class(BASE62)}{{{CHECKSUM_LENGTH}}}"
    if token_format.has_checksum and token_format.alphabet == BASE62:
        return f"{prefix}{random}{{{token_format.random_length + CHECKSUM_LENGTH}}}"
    checksum = of_checksum if token_format.has_checksum else ""
    return f"{prefix}{random}{{{token_format.random_length}}}{checksum}"


def bounded(token_format: TokenFormat) -> str:
    r"""Return an expression whose first group is a token of a format that stands alone.

    It looks neither ahead nor behind, which RE2 and Hyperscan cannot; ``\b`` they can.
    """
    before = r"\b" if token_format.prefix[:1] in _WORD else ""
    is_word = token_format.has_checksum or set(token_format.alphabet) <= _WORD
    after = r"\b" if is_word else f"(?:[^{_listed(token_format.alphabet)}]|$)"
    return f"{before}({pattern(token_format)}){after}"


def character_class(alphabet: str) -> str:
    """Return a class of characters, with ranges of letters and digits."""
    return f"[{_listed(alphabet)}]"


def _listed(alphabet: str) -> str:
    known = set(alphabet)
    ranges = "".join(_ranges(run, known) for run in _RUNS)
    others = sorted(known.difference(*_RUNS))
    return ranges + "".join(each if each == "_" else f"\\{each}" for each in others)


def _ranges(run: str, known: set[str]) -> str:
    found = ""
    for is_known, group in groupby(run, known.__contains__):
        characters = "".join(group)
        if is_known and len(characters) >= _SHORTEST_RUN:
            found += f"{characters[0]}-{characters[-1]}"
        elif is_known:
            found += characters
    return found
