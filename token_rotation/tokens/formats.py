"""Formats of text tokens.

PostgreSQL alone or Python makes them, with the same distribution.

>>> KEY = urlsafe(prefix="tk_")
>>> KEY.sql        # an SQL expression: a new token for every row
>>> KEY.make(1000) # a thousand of them from Python's secrets
"""

from __future__ import annotations

import base64
import re
import secrets
import string
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import ceil, comb, log2

from token_rotation.tokens.checksum import (
    BASE62,
    CHECKSUM_LENGTH,
    WITH_CHECKSUM,
    with_checksum,
)

LEAST_BITS = 128
LEAST_PREFIX = 3
UNUSABLE_PREFIX = "!"
BASE64 = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
# Nothing that SQL, Python's % or a dollar-quoted function body would read as its own.
_PLAIN = re.compile(r"[!-~]*")
_FINDABLE_PREFIX = re.compile(rf"[A-Za-z0-9_.-]{{{LEAST_PREFIX},}}")
_SPECIAL = set("'\"\\$%")

# 3 x 122 random bits are hashed to 256: as good as uniform. pgcrypto, which has gen_random_bytes(),
# need not be installed; gen_random_uuid() draws from the server's strong random source.
_BLOCK_BYTES = 32
_BLOCK = f"sha256({' || '.join(['uuid_send(gen_random_uuid())'] * 3)})"
_TOO_SHORT = Fraction(1, 2**80)


@dataclass(frozen=True)
class TokenFormat:
    """``prefix`` and ``random_length`` characters of ``alphabet``, each equally likely.

    With ``has_checksum`` six characters follow: the CRC32 of the random ones.

    ``alphabet`` has 2 to 64 different characters, without quotes, backslash, dollar and per cent
    signs. Raises ValueError for anything else, and for fewer than 128 random bits.
    """

    alphabet: str
    random_length: int
    prefix: str = ""
    has_checksum: bool = False

    def __post_init__(self) -> None:
        if not 2 <= len(self.alphabet) <= len(BASE64):
            raise ValueError("an alphabet has 2 to 64 characters")
        if len(set(self.alphabet)) != len(self.alphabet):
            raise ValueError("a character stands twice in the alphabet")
        for text in (self.alphabet, self.prefix):
            if not _PLAIN.fullmatch(text) or _SPECIAL & set(text):
                raise ValueError("letters, digits and ASCII signs only, none of ' \" \\ $ %")
        if self.bits < LEAST_BITS:
            least = length_for(self.alphabet)
            raise ValueError(
                f"{self.random_length} characters of {len(self.alphabet)} are {self.bits:.0f} "
                f"random bits; a secret needs {LEAST_BITS}: {least} characters"
            )

    @property
    def bits(self) -> float:
        """Random bits in a token."""
        return self.random_length * log2(len(self.alphabet))

    @property
    def length(self) -> int:
        """Characters in a token: the least ``max_length`` of its column."""
        checksum = CHECKSUM_LENGTH if self.has_checksum else 0
        return len(self.prefix) + self.random_length + checksum

    @property
    def is_unusable(self) -> bool:
        """Return True if a token of the format is no hash of anything."""
        return self.prefix.startswith(UNUSABLE_PREFIX)

    @cached_property
    def sql(self) -> str:
        """An SQL expression that gives a new token each evaluation.

        PostgreSQL 14 or newer, no extension; a function of this library for a checksum. It has no
        subquery: one that depends on no row would be evaluated once a statement, and every row
        would get the same token.
        """
        symbols = self._symbols_needed
        byte_count = symbols // 4 * 3  # whole groups: the last symbol of a part has fewer bits
        blocks = " || ".join([_BLOCK] * ceil(byte_count / _BLOCK_BYTES))
        random = f"translate(encode(substr({blocks}, 1, {byte_count}), 'base64'), "
        random += f"'{BASE64}' || chr(10), '{self._images}')"
        chosen = f"left({random}, {self.random_length})"
        if self.has_checksum:
            chosen = f"{WITH_CHECKSUM}({chosen})"
        return f"('{self.prefix}' || {chosen})" if self.prefix else chosen

    def make(self, count: int) -> list[str]:
        """``count`` new tokens, in memory all at once."""
        drawn = self._draw(count * self.random_length)
        length = self.random_length
        parts = (drawn[n * length : (n + 1) * length] for n in range(count))
        if self.has_checksum:
            parts = (with_checksum(part) for part in parts)
        return [self.prefix + part for part in parts]

    def _draw(self, count: int) -> str:
        return "".join(self._drawn(count))[:count]

    def _drawn(self, count: int) -> Iterator[str]:
        kept, dropped = len(self._images), BASE64[len(self._images) :].encode()
        table = bytes.maketrans(BASE64[:kept].encode(), self._images.encode())
        while count > 0:
            symbols = ceil(count * len(BASE64) / kept) + 16
            encoded = base64.b64encode(secrets.token_bytes(ceil(symbols / 4) * 3))
            part = encoded.translate(table, dropped).decode()
            count -= len(part)
            yield part

    @property
    def _images(self) -> str:
        """Return what the first symbols of base64 stand for.

        Each character comes equally often. The other symbols are dropped.
        """
        return self.alphabet * (len(BASE64) // len(self.alphabet))

    @property
    def _symbols_needed(self) -> int:
        """Return the number of symbols to generate.

        With that number, fewer than ``random_length`` are kept only once in 2**80 tokens.
        """
        symbols = ceil(self.random_length / 4) * 4
        while self._too_few_kept(symbols) > _TOO_SHORT:
            symbols += 4
        return symbols

    def _too_few_kept(self, symbols: int) -> Fraction:
        kept = Fraction(len(self._images), len(BASE64))
        if kept == 1:
            return Fraction(0)
        return sum(
            (
                comb(symbols, n) * kept**n * (1 - kept) ** (symbols - n)
                for n in range(self.random_length)
            ),
            Fraction(0),
        )


def length_for(alphabet: str, bits: int = LEAST_BITS) -> int:
    """Return the characters needed for ``bits`` random bits."""
    return ceil(bits / log2(len(alphabet)))


def hexadecimal(length: int = 32, *, upper: bool = False, prefix: str = "") -> TokenFormat:
    """A format of hexadecimal digits, 4 random bits each.

    By default 128 bits in lower case.
    """
    digits = "0123456789ABCDEF" if upper else "0123456789abcdef"
    return TokenFormat(digits, length, prefix)


def urlsafe(length: int = 43, *, prefix: str = "") -> TokenFormat:
    """A format of URL-safe characters, 6 random bits each.

    Letters of both cases, digits, ``-`` and ``_``: by default 258 bits. As long as what
    ``secrets.token_urlsafe()`` makes. Not for columns that ignore case.
    """
    return TokenFormat(string.ascii_letters + string.digits + "-_", length, prefix)


def characters(alphabet: str, length: int | None = None, *, prefix: str = "") -> TokenFormat:
    """A format of characters of an alphabet of one's own.

    By default as many as have 128 random bits.
    """
    if length is None:
        length = length_for(alphabet) if len(alphabet) > 1 else 0
    return TokenFormat(alphabet, length, prefix)


def prefixed(prefix: str, random_characters: int = 30) -> TokenFormat:
    """A format that scanners find, and that tells a token from noise without a database.

    ``prefix``, letters and digits with 5.95 random bits each, and their checksum, as in GitHub's
    tokens: by default 178 bits. The prefix has letters, digits, ``_``, ``-`` and ``.``, at least
    ``LEAST_PREFIX``. Not for columns that ignore case.
    """
    if not _FINDABLE_PREFIX.fullmatch(prefix):
        raise ValueError(f"a prefix has {LEAST_PREFIX} letters, digits, _, - or . at least")
    return TokenFormat(BASE62, random_characters, prefix, has_checksum=True)


def unusable(length: int = 41) -> TokenFormat:
    """A format of values that no secret matches, for columns of hashes.

    ``!`` and random letters and digits: by default 238 bits. As Django's unusable passwords:
    ``check_password()`` refuses every secret, and no hash begins with ``!``.
    """
    return TokenFormat(string.ascii_letters + string.digits, length - 1, UNUSABLE_PREFIX)
