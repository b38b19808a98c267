"""Recognise values that derive from a token.

Pure. It knows parts of a token, its encodings, and common digests of it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import AnyStr

SURE_LENGTH = 6  # shorter parts may be equal by chance
LEAST_LENGTH = 3
LEAST_DIFFERENT = 3
LEAST_SOURCE = 8
LEAST_CUT_DIGEST = 8
ALGORITHMS = ("md5", "sha1", "sha256", "sha512")
MASK = "*.…•· "  # around the characters that people may see

Value = str | bytes
"""A stored value as text; a bytea as bytes."""

_URLSAFE = str.maketrans("+/", "-_")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){8,}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# As Django, passlib, argon2, bcrypt, crypt(3) and LDAP write the hash of a password.
_PASSWORD_HASH = re.compile(
    r"(?:pbkdf2_\w+|argon2\w*|bcrypt\w*|scrypt|sha1|sha256|sha512|md5)\$"
    r"|\$(?:argon2\w*|2[abxy]?|[156y]|pbkdf2[\w-]*|scrypt)\$|\{(?:SSHA|SHA|PBKDF2)"
)


@dataclass(frozen=True, slots=True)
class Likeness:
    """What a value holds of its row's token.

    ``what`` says it in words, and ``sql`` makes it from ``{token}``, where that is simple. ``part``
    is the value if it equals a part of the token; None for anything else, which is proof.
    """

    what: str
    sql: str | None = None
    part: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The likeness of a column's values, in ``rows`` rows."""

    likeness: Likeness
    rows: int


@dataclass(frozen=True, slots=True)
class _Written:
    """The ways to write bytes that were made from the token.

    ``sql`` makes the bytes. A digest may be stored without its end or its beginning.
    """

    what: str
    sql: str | None
    is_digest: bool
    raw: bytes
    hexadecimal: str
    base64: tuple[str, str]

    def is_in(self, value: AnyStr, whole: AnyStr) -> bool:
        """Return True if the value holds all of ``whole``, or is an end of a digest."""
        if whole in value:
            return True
        is_end = whole.startswith(value) or whole.endswith(value)
        return self.is_digest and is_end and len(value) >= LEAST_CUT_DIGEST


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
                return Likeness(made.what, made.sql if value == made.raw else None)
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
        for made in self._made:
            if made.is_in(bare, made.hexadecimal):
                is_all = made.sql is not None and text == made.hexadecimal
                sql = f"encode({made.sql}, 'hex')" if is_all else None
                return Likeness(f"{made.what} in hexadecimal", sql)
            if any(made.is_in(text, each) for each in made.base64):
                return Likeness(f"{made.what} in base64")
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
        """The token as text, in small letters, with and without dashes."""
        if isinstance(self.stored, bytes):
            return (self.stored.hex(),)
        folded = self.stored.casefold()
        return (folded, folded.replace("-", "")) if _UUID.fullmatch(folded) else (folded,)

    @cached_property
    def _made(self) -> tuple[_Written, ...]:
        sources = [source for source in _sources(self.stored) if len(source) >= LEAST_SOURCE]
        return tuple(
            made
            for number, source in enumerate(dict.fromkeys(sources))
            for made in _made_from(source, self.stored if number == 0 else None)
        )


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


def _sources(stored: Value) -> Iterator[bytes]:
    """Yield what applications may compute a digest from."""
    if isinstance(stored, bytes):
        yield stored
        yield stored.hex().encode()
        return
    yield stored.encode()
    bare = stored.replace("-", "") if _UUID.fullmatch(stored) else stored
    yield bare.encode()
    if _HEX.fullmatch(bare):
        yield bytes.fromhex(bare)
    for separator in "_.":  # the secret part of "tk_live_..."
        yield stored.rpartition(separator)[2].encode()


def _made_from(source: bytes, stored: Value | None) -> Iterator[_Written]:
    """Yield the source itself and its digests; with SQL if it is what is ``stored``."""
    yield _written("the token", None, source, is_digest=False)
    for algorithm in ALGORITHMS:
        digest = hashlib.new(algorithm, source, usedforsecurity=False).digest()
        sql = None if stored is None else _sql(algorithm, stored)
        yield _written(f"the {algorithm} of the token", sql, digest, is_digest=True)


def _written(what: str, sql: str | None, raw: bytes, *, is_digest: bool) -> _Written:
    encoded = base64.b64encode(raw).decode().rstrip("=")
    return _Written(what, sql, is_digest, raw, raw.hex(), (encoded, encoded.translate(_URLSAFE)))


def _sql(algorithm: str, stored: Value) -> str | None:
    """Return SQL that makes the digest's bytes; None if it needs an extension."""
    token = "{token}" if isinstance(stored, bytes) else "convert_to({token}::text, 'UTF8')"
    if algorithm == "md5":
        return f"decode(md5({token}), 'hex')"
    return None if algorithm == "sha1" else f"{algorithm}({token})"
