"""Formats say how long and how random their tokens are, and keep to it."""

import re
import string
from collections import Counter

import pytest

from token_rotation.tokens.formats import TokenFormat, characters, hexadecimal, length_for, urlsafe

FORMATS = [
    (hexadecimal(), "[0-9a-f]{32}"),
    (hexadecimal(40, upper=True), "[0-9A-F]{40}"),
    (urlsafe(prefix="tk_"), "tk_[-_0-9A-Za-z]{43}"),
    (characters(string.digits), "[0-9]{39}"),
    (characters("AB"), "[AB]{128}"),
]


@pytest.mark.parametrize(("tokens", "pattern"), FORMATS)
def test_tokens_made_in_python_have_the_format_and_are_all_different(
    tokens: TokenFormat, pattern: str
) -> None:
    made = tokens.make(1000)
    assert len(set(made)) == 1000
    assert all(re.fullmatch(pattern, token) for token in made)
    assert {len(token) for token in made} == {tokens.length}
    assert tokens.make(0) == []


def test_every_character_is_equally_likely() -> None:
    seen = Counter("".join(characters("abcdefghijklmnopqrstuvwxyz0123456789", 50).make(4000)))
    assert len(seen) == 36
    expected = 200_000 / 36
    assert sum((count - expected) ** 2 / expected for count in seen.values()) < 90  # p = 1e-6


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: hexadecimal(31), "124 random bits; a secret needs 128: 32 characters"),
        (lambda: characters("a"), "2 to 64 characters"),
        (lambda: characters("abca"), "twice"),
        (lambda: characters("ab'"), "none of"),
        (lambda: hexadecimal(prefix="$$"), "none of"),
        (lambda: characters(string.printable[:65]), "2 to 64"),
    ],
)
def test_what_is_too_weak_or_would_need_quoting_is_refused(make: object, sentence: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=sentence):
        make()


def test_the_length_for_128_bits() -> None:
    assert [length_for(alphabet) for alphabet in ("01", "0123456789abcdef", string.digits)] == [
        128,
        32,
        39,
    ]
