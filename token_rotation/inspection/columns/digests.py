"""Ways to write a token and its digests, as applications store them.

Pure.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import AnyStr

LEAST_SOURCE = 8
LEAST_CUT_DIGEST = 8
LEAST_WHOLE = 11  # base64 of LEAST_SOURCE bytes
ALGORITHMS = ("md5", "sha1", "sha256", "sha512")

Value = str | bytes
"""A stored value as text; a bytea as bytes."""

_URLSAFE = str.maketrans("+/", "-_")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){8,}")
_DIGITS = "[0-9a-z+/_-]"  # of hexadecimal and base64, in small letters
_ALL_DIGITS = re.compile(rf"{_DIGITS}{{{LEAST_CUT_DIGEST},}}")
_LONG = re.compile(rf"{_DIGITS}{{{LEAST_WHOLE}}}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class Written:
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


def may_hold_bytes(folded: str) -> bool:
    """Return False where text in small letters has no place for a form that ``is_in`` would find.

    A value that ends or begins a digest consists of nothing else. To make all forms of a token
    costs far more than this look.
    """
    return (_ALL_DIGITS.fullmatch(folded) or _LONG.search(folded)) is not None


def written_forms(stored: Value) -> tuple[Written, ...]:
    """Return every form of a stored token that is recognised."""
    sources = [source for source in _sources(stored) if len(source) >= LEAST_SOURCE]
    return tuple(
        made
        for number, source in enumerate(dict.fromkeys(sources))
        for made in _made_from(source, stored if number == 0 else None)
    )


def texts_of(stored: Value) -> tuple[str, ...]:
    """Return the token as text, in small letters, a UUID with and without dashes."""
    if isinstance(stored, bytes):
        return (stored.hex(),)
    folded = stored.casefold()
    return (folded, folded.replace("-", "")) if _UUID.fullmatch(folded) else (folded,)


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


def _made_from(source: bytes, stored: Value | None) -> Iterator[Written]:
    """Yield the source itself and its digests; with SQL if it is what is ``stored``."""
    yield _write("the token", None, source, is_digest=False)
    for algorithm in ALGORITHMS:
        digest = hashlib.new(algorithm, source, usedforsecurity=False).digest()
        sql = None if stored is None else _sql(algorithm, stored)
        yield _write(f"the {algorithm} of the token", sql, digest, is_digest=True)


def _write(what: str, sql: str | None, raw: bytes, *, is_digest: bool) -> Written:
    encoded = base64.b64encode(raw).decode().rstrip("=")
    return Written(what, sql, is_digest, raw, raw.hex(), (encoded, encoded.translate(_URLSAFE)))


def _sql(algorithm: str, stored: Value) -> str | None:
    """Return SQL that makes the digest's bytes; None if it needs an extension."""
    token = "{token}" if isinstance(stored, bytes) else "convert_to({token}::text, 'UTF8')"
    if algorithm == "md5":
        return f"decode(md5({token}), 'hex')"
    return None if algorithm == "sha1" else f"{algorithm}({token})"
