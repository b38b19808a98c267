"""Tokens that share their first digits spare the index, and stay as hard to guess."""

from dataclasses import replace

import pytest

from tickets.rotation.target import Target
from tickets.rotation.token_slice import MOST_DIGITS, TokenSlice, can_be_sliced, digits_for
from tickets.rotation.token_source import PythonTokens, SqlTokens

UUIDS = SqlTokens("gen_random_uuid()")
TARGET = Target("shop.Order", "default", "order", "id", "token", "at", UUIDS, True, ())
PAGES_OF_A_BILLION_ROWS = 5_700_000
TOKENS_IN_A_PAGE = 200


@pytest.mark.parametrize(
    ("pages", "digits"),
    [
        (0, 0),
        (3_199, 0),
        (3_200, 1),
        (51_199, 1),
        (51_200, 2),
        (819_200, 3),
        (PAGES_OF_A_BILLION_ROWS, 3),
        (10**9, MOST_DIGITS),
    ],
)
def test_small_indexes_are_not_sliced_and_a_slice_is_never_small(pages: int, digits: int) -> None:
    assert digits_for(pages) == digits
    assert digits == 0 or pages / 16**digits >= 200


def used_up(token_slice: TokenSlice) -> tuple[str, int]:
    """The digits, and how many rows get them before others are drawn."""
    prefix, rows = token_slice.prefix(), 0
    while token_slice.prefix() == prefix and rows < 10**7:
        token_slice.used(100)
        rows += 100
    return prefix, rows


@pytest.mark.parametrize("pages", [3_200, 60_000, PAGES_OF_A_BILLION_ROWS])
def test_tokens_lie_in_a_slice_no_more_densely_than_in_the_space_of_all_tokens(pages: int) -> None:
    prefix, rows = used_up(TokenSlice(lambda: pages))
    assert rows * 16 ** len(prefix) <= pages * TOKENS_IN_A_PAGE


def test_the_digits_are_drawn_anew_again_and_again() -> None:
    token_slice = TokenSlice(lambda: PAGES_OF_A_BILLION_ROWS)
    drawn = {used_up(token_slice)[0] for _ in range(20)}
    assert len(drawn) > 15
    assert {len(prefix) for prefix in drawn} == {3}


def test_the_size_of_the_index_is_asked_once_and_only_when_a_token_is_needed() -> None:
    asked = []
    token_slice = TokenSlice(lambda: asked.append(True) or 10)  # type: ignore[func-returns-value]
    assert asked == []
    assert [token_slice.prefix() for _ in range(3)] == ["", "", ""]
    assert asked == [True]


def test_only_uuids_that_postgresql_makes_are_sliced() -> None:
    assert can_be_sliced(TARGET)
    assert not can_be_sliced(replace(TARGET, token_source=SqlTokens("make_token()")))
    assert not can_be_sliced(replace(TARGET, token_source=PythonTokens(list)))
