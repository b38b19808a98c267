"""A mangled list looks unlike what is stored; a right one does not."""

import secrets
from collections.abc import Callable
from hashlib import sha256

import pytest

from token_rotation.tokens.formats import hexadecimal, urlsafe
from token_rotation.verification.stored_shape import shape_of_values

HASH = "pbkdf2_sha256$1000000$c2FsdA$+W6x="


@pytest.mark.parametrize("token_format", [hexadecimal(prefix="tk_"), urlsafe(), hexadecimal(64)])
@pytest.mark.parametrize("rows", [1, 30, 1000])
def test_other_tokens_of_the_format_fit(token_format: object, rows: int) -> None:
    make = token_format.make  # type: ignore[attr-defined]
    shape = shape_of_values(make(rows))
    # A single token may lack digits that others have.
    assert any(map(shape.fits, make(20)))


@pytest.mark.parametrize(
    "mangled",
    [
        str.upper,
        lambda token: token.removeprefix("tk_"),
        lambda token: token[:20],
        lambda token: token.replace("_", "%5F"),
        lambda token: f"sk_{token[3:]}",
    ],
)
def test_mangled_tokens_do_not(mangled: Callable[[str], str]) -> None:
    tokens = hexadecimal(prefix="tk_").make(30)
    shape = shape_of_values(tokens)
    assert all(map(shape.fits, tokens))
    assert not any(map(shape.fits, map(mangled, tokens)))


def test_a_change_of_case_is_seen_where_tokens_have_both() -> None:
    tokens = urlsafe().make(30)
    shape = shape_of_values(tokens)
    assert not any(
        shape.fits(change(token)) for token in tokens for change in (str.upper, str.lower)
    )


def test_two_formats_are_told_apart_by_their_length() -> None:
    old, new = hexadecimal(prefix="tk_").make(30), urlsafe(prefix="live_").make(30)
    shape = shape_of_values([*old, *new])
    assert all(map(shape.fits, [*old, *new]))
    assert not any(shape.fits(token.upper()) for token in old)


def test_values_of_many_lengths_are_one_range() -> None:
    shape = shape_of_values(["ab", "abc", "abcdef", "abcdefgh", "abcdefghij"])
    assert shape.fits("hgfed")
    assert not shape.fits("a")
    assert not shape.fits("abcdefghijk")


def test_hashes_of_passwords_are_like_nothing_else() -> None:
    shape = shape_of_values([HASH, "!" + secrets.token_urlsafe(40)])
    assert shape.has_passwords
    assert shape.fits(HASH)
    assert not shape.fits(secrets.token_urlsafe(40))


def test_only_as_many_digits_as_a_digest_has_may_be_one() -> None:
    digests = [sha256(bytes([n])).hexdigest() for n in range(9)]
    assert shape_of_values(digests).may_be_digests
    assert not shape_of_values([*digests, "0" * 40]).may_be_digests
    assert not shape_of_values([text[:30] for text in digests]).may_be_digests
    assert not shape_of_values([f"z{text[1:]}" for text in digests]).may_be_digests
