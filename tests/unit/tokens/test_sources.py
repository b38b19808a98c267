"""Tokens made in Python are as many as asked for, all different, and never shown."""

from collections.abc import Callable
from itertools import count
from typing import Any
from uuid import RFC_4122, UUID

import pytest

from token_rotation.errors import TokenSourceError
from token_rotation.tokens.random_uuids import random_uuids
from token_rotation.tokens.sources import PythonTokens

SECRET = "s3cr3t"


def test_tokens_are_taken_as_postgresql_reads_them() -> None:
    key = UUID(int=5)
    source = PythonTokens(lambda n: ["a", key, 7, b"\x00\xff"][:n])
    assert source.take(4) == ["a", str(key), "7", "\\x00ff"]


def test_a_generator_may_make_them() -> None:
    assert PythonTokens(lambda n: (f"token {i}" for i in range(n))).take(2) == [
        "token 0",
        "token 1",
    ]


def fail_without_asking() -> Any:
    raise AssertionError


def leave(n: int) -> Any:
    raise SystemExit(f"{SECRET} is no key")


def fail(n: int) -> Any:
    raise ValueError(f"cannot sign {SECRET}")


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda _: [SECRET], "was asked for 3 tokens and made only 1"),
        (lambda _: [], "made only 0"),
        (lambda n: [f"{SECRET}{i}" for i in range(n + 1)], "made more"),
        (lambda _: (f"{SECRET}{i}" for i in count()), "made more"),
        (lambda _: [SECRET, "other", SECRET], "made the same token twice among 3"),
        (lambda _: None, "made one NoneType instead of a sequence"),
        (lambda _: SECRET, "made one str instead of a sequence"),
        (lambda _: [SECRET, None, "other"], "made a token of type NoneType"),
        (lambda _: [SECRET, 1.5, "other"], "made a token of type float"),
        (lambda _: [SECRET, "", "other"], "made a token that is empty"),
        (lambda _: [SECRET, b"", "other"], "made a token that is empty"),
        (lambda _: [SECRET, "x\0", "other"], "holds a NUL"),
        (fail, "raised ValueError"),
        (leave, "raised SystemExit"),
        (fail_without_asking, "raised TypeError"),
    ],
)
def test_what_is_not_n_different_tokens_is_refused_in_one_line_without_them(
    make: Callable[[int], Any], complaint: str
) -> None:
    with pytest.raises(TokenSourceError) as raised:
        PythonTokens(make).take(3)
    message = str(raised.value)
    assert complaint in message
    assert message.startswith(f"The token source {__name__}.")
    assert SECRET not in message
    assert "\n" not in message
    assert raised.value.__context__ is None or raised.value.__suppress_context__


def test_the_operators_interrupt_is_not_the_sources_error() -> None:
    def interrupted(n: int) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        PythonTokens(interrupted).take(1)


@pytest.mark.parametrize("rows", [0, 1, 1000])
def test_random_uuids_are_different_uuids_of_version_4(rows: int) -> None:
    made = [UUID(text) for text in random_uuids(rows)]
    assert len(set(made)) == rows
    assert all((one.version, one.variant) == (4, RFC_4122) for one in made)
    # Each of the 122 random bits is 0 in some and 1 in others.
    if rows == 1000:
        ever = always = made[0].int
        for one in made:
            ever |= one.int
            always &= one.int
        assert (ever & ~always).bit_count() == 122
