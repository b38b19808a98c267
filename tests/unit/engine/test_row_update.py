"""An UPDATE says how many rows it changed, and which ones only where somebody wants to know."""

from typing import Any, cast

import pytest

from tests.support.driver import sql
from token_rotation.engine.batches import row_update as module
from token_rotation.engine.batches.row_update import ChangedRows, RowUpdate
from token_rotation.postgres.connection import Connection
from token_rotation.selection.target import Target
from token_rotation.tokens.sources import SqlTokens

TARGET = Target("shop.Order", "default", "order", "id", "token", "at", SqlTokens("f()"), True, ())
UPDATE = sql.SQL("UPDATE ...")
VALUES = {"batch_rows": 2}


class Session:
    """Changes two rows, with the keys 7 and 9."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def change(self, query: Any, values: Any) -> int:
        self.sent.append((query, values))
        return 2

    def rows(self, query: Any, values: Any) -> list[tuple[int]]:
        self.sent.append((query, values))
        return [(7,), (9,)]


def run(session: Session) -> ChangedRows:
    return RowUpdate(cast(Connection, session), TARGET).run(UPDATE, VALUES)


def test_without_a_listener_rows_are_only_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "has_listeners", lambda _: False)
    session = Session()
    assert run(session) == ChangedRows(2)
    assert session.sent == [(UPDATE, VALUES)]


def test_whoever_listens_gets_the_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "has_listeners", lambda target: target is TARGET)
    session = Session()
    assert run(session) == ChangedRows(2, (7, 9))
    [(query, values)] = session.sent
    assert query != UPDATE
    assert values == VALUES


def test_no_row_counts_as_changed_unless_an_update_has_said_so() -> None:
    assert ChangedRows() == ChangedRows(0, ())
