"""Choose how a target's columns are written.

This is the only place that tells kinds of targets, and of tokens, apart.
"""

from __future__ import annotations

from functools import partial

from token_rotation.engine.batches.pending_rows import PendingRows
from token_rotation.engine.writers.columns import ColumnsWriter
from token_rotation.engine.writers.evaluated import ExpressionWriter
from token_rotation.engine.writers.index_pages import index_pages
from token_rotation.engine.writers.kept import KeptTokensWriter
from token_rotation.engine.writers.made import MadeTokensWriter
from token_rotation.engine.writers.prefixed import (
    MOST_ROWS_A_BATCH,
    PrefixedUuidWriter,
    can_have_prefix,
)
from token_rotation.engine.writers.writer import Writer
from token_rotation.postgres.connection import Connection
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.selection.shadow import Shadow
from token_rotation.selection.target import Target, of_tokens
from token_rotation.tokens.sources import PythonTokens


def writer_of(
    connection: Connection,
    target: MarkedTable,
    pending: PendingRows,
    *,
    independent_tokens: bool,
    largest_batch_rows: int,
) -> Writer:
    """Return the writer for a connection.

    Tokens share no prefix if ``independent_tokens`` is set, or if a batch would crowd its prefix.
    """
    if isinstance(target, Shadow):
        return ColumnsWriter(connection, target)
    target = of_tokens(target)
    source = target.token_source
    may_share = not independent_tokens and largest_batch_rows <= MOST_ROWS_A_BATCH
    if isinstance(source, PythonTokens):
        return MadeTokensWriter(connection, target, source, pending)
    if may_share and can_have_prefix(source.expression):
        return PrefixedUuidWriter(target, partial(index_pages, connection, target))
    return ExpressionWriter(target, source.expression)


def keeping_writer(connection: Connection, target: Target, pending: PendingRows) -> Writer:
    """Return a writer whose transactions keep the tokens, to compare rows with them."""
    source = target.token_source
    if isinstance(source, PythonTokens):
        return MadeTokensWriter(connection, target, source, pending)
    return KeptTokensWriter(connection, target, source.expression, pending)
