"""What a list of leaked values may hold: tokens, keys, or SHA-256 of tokens."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

_SHA256 = re.compile("[0-9a-fA-F]{64}").fullmatch


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of value; ``name`` is "tokens", "keys" or "hashes".

    ``headers`` are the column names, in lower case, that announce it. ``read`` turns a line's
    value into the database's text of it; it raises ValueError for what cannot be one.
    """

    name: str
    headers: frozenset[str]
    read: Callable[[str], str]

    @property
    def option(self) -> str:
        """The command-line option that says that a list holds this kind."""
        return f"--list-of {self.name}"

    def accepts(self, text: str) -> bool:
        try:
            self.read(text)
        except ValueError:
            return False
        return True


def read_sha256(text: str) -> str:
    """Return 64 hexadecimal digits in lower case. Raises ValueError."""
    if _SHA256(text) is None:
        raise ValueError("not 64 hexadecimal digits")
    return text.lower()
