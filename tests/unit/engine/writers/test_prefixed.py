"""Tokens that share their first digits spare the index, and stay as hard to guess."""

from collections import Counter
from dataclasses import replace
from typing import Any, cast

import pytest

from token_rotation.engine.batches.pending_rows import PendingRows
from token_rotation.engine.writers.choose import writer_of
from token_rotation.engine.writers.prefixed import (
    MOST_ROWS_A_BATCH,
    PrefixedUuidWriter,
    TokenPrefix,
    digits_for,
)
from token_rotation.pacing.batch_size import AdaptiveBatchSize
from token_rotation.postgres.connection import Connection
from token_rotation.selection.target import Target
from token_rotation.tokens.sources import PythonTokens, SqlTokens

UUIDS = SqlTokens("gen_random_uuid()")
TARGET = Target("shop.Order", "default", "order", "id", "token", "at", UUIDS, True, ())
PAGES_OF_A_BILLION_ROWS = 4_900_000
TOKENS_IN_A_PAGE = 200
BATCH_ROWS = 4_000


@pytest.mark.parametrize(
    ("pages", "digits"),
    [
        (0, 0),
        (2_047, 0),
        (2_048, 1),
        (32_767, 1),
        (32_768, 2),
        (PAGES_OF_A_BILLION_ROWS, 2),
        (10**12, 2),
    ],
)
def test_small_indexes_are_not_sliced_and_a_slice_is_never_small(pages: int, digits: int) -> None:
    assert digits_for(pages) == digits
    assert digits == 0 or pages / 16**digits >= 128


def test_who_knows_any_other_token_is_left_with_112_random_bits_or_more() -> None:
    assert 122 - 4 * digits_for(10**12) == 114


def tokens_of_each_slice(pages: int) -> Counter[str]:
    """After a rotation of all rows that such an index has."""
    token_prefix, tokens = TokenPrefix(lambda: pages), Counter[str]()
    for _ in range(pages * TOKENS_IN_A_PAGE // BATCH_ROWS):
        tokens[token_prefix.current()] += BATCH_ROWS
        token_prefix.used(BATCH_ROWS)
    return tokens


@pytest.mark.parametrize("pages", [2_048, 5_000, 49_000, 600_000])
def test_no_slice_gets_many_more_tokens_than_are_its_due(pages: int) -> None:
    tokens = tokens_of_each_slice(pages)
    slices = 16 ** digits_for(pages)
    due = tokens.total() / slices
    assert len(tokens) == slices
    assert max(tokens.values()) <= 1.5 * due


def test_neighbouring_slices_do_not_follow_one_another() -> None:
    token_prefix, drawn = TokenPrefix(lambda: 49_000), []
    for _ in range(256):
        drawn.append(token_prefix.current())
        token_prefix.used(10**6)
    assert len(set(drawn)) == 256
    assert drawn != sorted(drawn)


def test_the_size_of_the_index_is_asked_once_and_only_when_a_token_is_needed() -> None:
    asked = []
    token_prefix = TokenPrefix(lambda: asked.append(True) or 10)  # type: ignore[func-returns-value]
    assert asked == []
    for _ in range(3):
        assert token_prefix.current() == ""
        token_prefix.used(10_000)
    assert asked == [True]


def test_a_usual_batch_does_not_crowd_a_slice() -> None:
    assert AdaptiveBatchSize(target_seconds=0.2).largest_rows <= MOST_ROWS_A_BATCH


def can_be_sliced(target: Target, **options: Any) -> bool:
    connection = cast(Connection, None)
    pending = cast(PendingRows, None)
    asked = {"independent_tokens": False, "largest_batch_rows": 1} | options
    writer = writer_of(connection, target, pending, **asked)
    return isinstance(writer, PrefixedUuidWriter)


def test_only_uuids_that_postgresql_makes_are_sliced() -> None:
    assert can_be_sliced(TARGET)
    assert not can_be_sliced(replace(TARGET, token_source=SqlTokens("make_token()")))
    assert not can_be_sliced(replace(TARGET, token_source=PythonTokens(list)))


def test_a_prefix_is_kept_for_64_rows_a_page_of_its_slice() -> None:
    token_prefix = TokenPrefix(lambda: 2_048)  # 16 slices of 128 pages
    first = token_prefix.current()
    token_prefix.used(128 * 64 - 1)
    assert token_prefix.current() == first
    token_prefix.used(1)
    assert token_prefix.current() != first


@pytest.mark.parametrize(
    ("options", "is_sliced"),
    [
        ({}, True),
        ({"largest_batch_rows": 8_192}, True),
        ({"largest_batch_rows": 8_193}, False),
        ({"independent_tokens": True}, False),
    ],
)
def test_tokens_share_digits_unless_it_is_forbidden_or_a_batch_would_crowd_a_slice(
    options: dict[str, Any], *, is_sliced: bool
) -> None:
    assert can_be_sliced(TARGET, **options) == is_sliced
