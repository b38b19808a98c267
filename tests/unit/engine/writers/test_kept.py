"""Tokens that the server keeps are made for the pending rows of a batch, in its transaction."""

from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from token_rotation.engine.batches.pending_rows import PendingRows
from token_rotation.engine.writers import kept as module
from token_rotation.engine.writers.kept import KeptTokensWriter
from token_rotation.postgres import statements
from token_rotation.postgres.connection import Connection
from token_rotation.selection.key_range import EVERY_KEY
from token_rotation.selection.target import Target
from token_rotation.sql.tokens import keep_made
from token_rotation.tokens.sources import SqlTokens

PENDING_ROWS = 5


class Played:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.types_looked_up = 0
        monkeypatch.setattr(module, "column_type", self._column_type)
        target = Target(
            "shop.Order", "default", "order", "id", "token", "at", SqlTokens("f()"), True, ()
        )
        pending = SimpleNamespace(count=lambda _: PENDING_ROWS)
        connection = SimpleNamespace(cursor=self._cursor)
        self.writer = KeptTokensWriter(
            cast(Connection, connection), target, "f()", cast(PendingRows, pending)
        )

    @contextmanager
    def _cursor(self) -> Any:
        yield None

    def _column_type(self, _: None, table: str, column: str) -> str:
        assert (table, column) == ("order", "token")
        self.types_looked_up += 1
        return "uuid"


@pytest.mark.parametrize(("batch_rows", "rows"), [(None, 5), (1, 1), (3, 3), (5, 5), (9, 5)])
def test_there_is_a_token_for_each_pending_row_of_the_batch_and_no_more(
    monkeypatch: pytest.MonkeyPatch, batch_rows: int | None, rows: int
) -> None:
    tokens = Played(monkeypatch).writer.for_rows(EVERY_KEY, batch_rows)
    assert (tokens.rows, tokens.values, tokens.token_type) == (rows, {"made_rows": rows}, "uuid")
    assert tokens.settings == (statements.AVOID_NESTED_LOOPS, keep_made("f()"))


def test_one_row_gets_one_token(monkeypatch: pytest.MonkeyPatch) -> None:
    token = Played(monkeypatch).writer.for_one_row()
    assert (token.rows, token.values) == (1, {"made_rows": 1})
    assert token.settings == (keep_made("f()"),)


def test_the_type_of_the_column_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(monkeypatch)
    types = {played.writer.for_rows(EVERY_KEY, 2).token_type for _ in range(3)}
    assert (types, played.types_looked_up) == ({"uuid"}, 1)


def test_ranges_are_never_updated_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Played(monkeypatch).writer
    assert not writer.updates_ranges
    with pytest.raises(TypeError):
        writer.for_range()
