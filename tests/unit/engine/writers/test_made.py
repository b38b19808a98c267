"""Tokens made in Python are asked for once a row and before its transaction."""

from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from token_rotation.engine.batches.pending_rows import PendingRows
from token_rotation.engine.writers import made as module
from token_rotation.engine.writers.made import MadeTokensWriter
from token_rotation.postgres import statements
from token_rotation.postgres.connection import Connection
from token_rotation.selection.key_range import EVERY_KEY
from token_rotation.selection.target import Target
from token_rotation.sql.pending import array
from token_rotation.sql.tokens import KEEP_TOKENS
from token_rotation.tokens.sources import PythonTokens

PENDING_ROWS = 5


class Played:
    """Makes a, b, c, ...; ``asked`` tells for how many at a time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, pending_rows: int = PENDING_ROWS) -> None:
        self.asked: list[int] = []
        self.types_looked_up = 0
        self._letters = iter("abcdefghijklmnopqrstuvwxyz")
        monkeypatch.setattr(module, "column_type", self._column_type)
        source = PythonTokens(self._make)
        target = Target("shop.Order", "default", "order", "id", "token", "at", source, True, ())
        connection = SimpleNamespace(cursor=self._cursor)
        pending = SimpleNamespace(count=lambda _: pending_rows)
        self.writer = MadeTokensWriter(
            cast(Connection, connection), target, source, cast(PendingRows, pending)
        )

    def _make(self, count: int) -> list[str]:
        self.asked.append(count)
        return [next(self._letters) for _ in range(count)]

    @contextmanager
    def _cursor(self) -> Any:
        yield None

    def _column_type(self, _: None, table: str, column: str) -> str:
        assert (table, column) == ("order", "token")
        self.types_looked_up += 1
        return "character varying"


@pytest.mark.parametrize(("batch_rows", "rows"), [(None, 5), (3, 3), (5, 5), (9, 5)])
def test_there_is_a_token_for_each_pending_row_of_the_batch_and_no_more(
    monkeypatch: pytest.MonkeyPatch, batch_rows: int | None, rows: int
) -> None:
    played = Played(monkeypatch)
    tokens = played.writer.for_rows(EVERY_KEY, batch_rows)
    assert (played.asked, tokens.rows) == ([rows], rows)
    assert tokens.values == {"tokens": array([*"abcde"[:rows]])}
    assert tokens.token_type == "character varying"
    assert tokens.settings == (statements.AVOID_NESTED_LOOPS, KEEP_TOKENS)


def test_tokens_made_beforehand_are_used_once(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(monkeypatch)
    played.writer.prepare(EVERY_KEY, 2)
    assert played.writer.for_rows(EVERY_KEY, 2).values == {"tokens": array(["a", "b"])}
    assert played.writer.for_rows(EVERY_KEY, 2).values == {"tokens": array(["c", "d"])}
    assert played.asked == [2, 2]


def test_where_nothing_is_pending_no_token_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(monkeypatch, pending_rows=0)
    assert played.writer.for_rows(EVERY_KEY, 3).rows == 0
    assert played.asked == []


def test_one_row_gets_one_token(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(monkeypatch)
    token = played.writer.for_one_row()
    assert (played.asked, token.rows) == ([1], 1)
    assert (token.values, token.settings) == ({"tokens": array(["a"])}, (KEEP_TOKENS,))


def test_the_type_of_the_column_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(monkeypatch)
    for _ in range(3):
        assert played.writer.for_one_row().token_type == "character varying"
    assert played.types_looked_up == 1


def test_tokens_made_in_python_are_for_no_whole_range(monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Played(monkeypatch).writer
    assert not writer.updates_ranges
    with pytest.raises(TypeError):
        writer.for_range()
