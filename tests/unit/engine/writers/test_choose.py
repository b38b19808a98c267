"""Who makes the tokens of a batch follows from their source and the options."""

from dataclasses import replace
from typing import Any, cast

import pytest

from token_rotation.engine.batches.pending_rows import PendingRows
from token_rotation.engine.writers.choose import keeping_writer, writer_of
from token_rotation.engine.writers.evaluated import ExpressionWriter
from token_rotation.engine.writers.kept import KeptTokensWriter
from token_rotation.engine.writers.made import MadeTokensWriter
from token_rotation.engine.writers.prefixed import (
    MOST_ROWS_A_BATCH,
    PREFIXED_EXPRESSION,
    PrefixedUuidWriter,
)
from token_rotation.postgres.connection import Connection
from token_rotation.selection.target import Target
from token_rotation.tokens.sources import PythonTokens, SqlTokens, TokenSource

CONNECTION = cast(Connection, "nobody asks it")
PENDING = cast(PendingRows, "nobody asks it")
UUIDS, OTHERS = SqlTokens(PREFIXED_EXPRESSION), SqlTokens("encode(gen_random_bytes(20), 'hex')")
MADE = PythonTokens(lambda count: ["a"] * count)
TARGET = Target("shop.Order", "default", "order", "id", "token", "at", UUIDS, True, ())


def chosen(source: TokenSource, *, independent: bool, rows: int) -> type[Any]:
    target = replace(TARGET, token_source=source)
    return type(
        writer_of(
            CONNECTION, target, PENDING, independent_tokens=independent, largest_batch_rows=rows
        )
    )


@pytest.mark.parametrize("rows", [1, MOST_ROWS_A_BATCH, MOST_ROWS_A_BATCH + 1])
@pytest.mark.parametrize("independent", [False, True])
def test_only_uuids_of_small_batches_that_may_share_a_prefix_do(
    rows: int, *, independent: bool
) -> None:
    shares = rows <= MOST_ROWS_A_BATCH and not independent
    expected = PrefixedUuidWriter if shares else ExpressionWriter
    assert chosen(UUIDS, independent=independent, rows=rows) is expected
    assert chosen(OTHERS, independent=independent, rows=rows) is ExpressionWriter
    assert chosen(MADE, independent=independent, rows=rows) is MadeTokensWriter


def test_tokens_that_must_be_compared_are_kept_by_whoever_makes_them() -> None:
    for source, expected in (
        (MADE, MadeTokensWriter),
        (UUIDS, KeptTokensWriter),
        (OTHERS, KeptTokensWriter),
    ):
        target = replace(TARGET, token_source=source)
        assert type(keeping_writer(CONNECTION, target, PENDING)) is expected


def test_only_tokens_that_the_update_makes_serve_whole_ranges() -> None:
    assert ExpressionWriter.updates_ranges
    assert PrefixedUuidWriter.updates_ranges
    assert not MadeTokensWriter.updates_ranges
    assert not KeptTokensWriter.updates_ranges
