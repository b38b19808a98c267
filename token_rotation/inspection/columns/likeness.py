"""Recognise values that derive from a token.

Pure. It knows parts of a token, its encodings, and common digests of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from token_rotation.inspection.columns.digests import (
    LEAST_CUT_DIGEST,
    LEAST_SOURCE,
    Value,
    Written,
    may_hold_bytes,
    texts_of,
    written_forms,
)

SURE_LENGTH = 6  # shorter parts may be equal by chance
LEAST_LENGTH = 3
LEAST_DIFFERENT = 3
MASK = "*.…•· "  # around the characters that people may see

# As Django, passlib, argon2, bcrypt, crypt(3) and LDAP write the hash of a password.
_PASSWORD_HASH = re.compile(
    r"(?:pbkdf2_\w+|argon2\w*|bcrypt\w*|scrypt|sha1|sha256|sha512|md5)\$"
    r"|\$(?:argon2\w*|2[abxy]?|[156y]|pbkdf2[\w-]*|scrypt)\$|\{(?:SSHA|SHA|PBKDF2)"
)


@dataclass(frozen=True, slots=True)
class Likeness:
    """What a value holds of its row's token.

    ``what`` says it in words, and ``sql`` makes it from ``{token}``, where that is simple. ``part``
    is the value if it equals a part of the token; None for anything else, which is proof. A digest
    is there to look tokens up by.
    """

    what: str
    sql: str | None = None
    part: str | None = None
    is_digest: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The likeness of a column's values, in ``rows`` rows."""

    likeness: Likeness
    rows: int


class Token:
    """A stored token, with all that a column may hold of it."""

    def __init__(self, stored: Value) -> None:
        self.stored = stored

    def like(self, value: Value) -> Likeness | None:
        """Return what the value holds of the token; None if nothing."""
        if isinstance(value, str):
            return self._like_text(value)
        for made in self._made:
            if made.is_in(value, made.raw):
                sql = made.sql if value == made.raw else None
                return Likeness(made.what, sql, is_digest=made.is_digest)
        if value.isascii():
            return self._like_text(value.decode("ascii"))
        return self._like_part("", value.hex()) if isinstance(self.stored, bytes) else None

    def _like_text(self, value: str) -> Likeness | None:
        text = value.strip(MASK)
        if len(text) < LEAST_LENGTH:
            return None
        folded = text.casefold()
        bare = folded.replace("-", "")
        if any(len(form) >= LEAST_SOURCE and form in folded for form in self._forms):
            return Likeness("the token itself", "{token}" if text == self.stored else None)
        for made in self._made if may_hold_bytes(folded) else ():
            if made.is_in(bare, made.hexadecimal):
                is_all = made.sql is not None and text == made.hexadecimal
                sql = f"encode({made.sql}, 'hex')" if is_all else None
                return Likeness(f"{made.what} in hexadecimal", sql, is_digest=made.is_digest)
            if any(made.is_in(text, each) for each in made.base64):
                return Likeness(f"{made.what} in base64", is_digest=made.is_digest)
        return self._like_part(value, folded)

    def _like_part(self, value: str, folded: str) -> Likeness | None:
        length = len(folded)
        stored = self.stored if isinstance(self.stored, str) else ""
        for form in self._forms:
            if form.startswith(folded):
                exactly = stored[:length] == value
                sql = f"left({{token}}::text, {length})" if exactly else None
                return Likeness(f"the token's first {length} characters", sql, folded)
            if form.endswith(folded):
                exactly = stored[-length:] == value
                sql = f"right({{token}}::text, {length})" if exactly else None
                return Likeness(f"the token's last {length} characters", sql, folded)
            if length >= LEAST_CUT_DIGEST and folded in form:
                return Likeness("a part of the token", part=folded)
        return None

    @cached_property
    def _forms(self) -> tuple[str, ...]:
        return texts_of(self.stored)

    @cached_property
    def _made(self) -> tuple[Written, ...]:
        return written_forms(self.stored)


def likeness_of(rows: Sequence[tuple[Token, Value]]) -> Found | None:
    """Return what a column holds of its rows' tokens; None if nothing.

    One value is enough: a digest, the whole token, or a part of 6 characters or more. A part that
    several tokens share tells nothing: it may be a prefix of all of them. Shorter parts count
    if half of the rows have one and they differ.
    """
    like = [(token, found) for token, value in rows if (found := token.like(value)) is not None]
    proofs = [found for _, found in like if found.part is None]
    if proofs:
        return Found(proofs[0], len(proofs))
    tokens_of: dict[str, set[Value]] = {}
    for token, found in like:
        tokens_of.setdefault(found.part or "", set()).add(token.stored)
    sure = [
        found
        for _, found in like
        if len(found.part or "") >= SURE_LENGTH and len(tokens_of[found.part or ""]) == 1
    ]
    if sure:
        return Found(sure[0], len(sure))
    differ = len(tokens_of) >= max(LEAST_DIFFERENT, len(like) // 10)
    return Found(like[0][1], len(like)) if differ and 2 * len(like) >= len(rows) else None


def is_password_hash(value: Value) -> bool:
    """Return True if the value is written as hashes of passwords are."""
    return isinstance(value, str) and _PASSWORD_HASH.match(value) is not None
