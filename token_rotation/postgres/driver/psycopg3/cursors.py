"""Cursors that put values into statements themselves, as psycopg 2 does."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Self

from psycopg import ClientCursor, Error, ServerCursor, pq
from psycopg.client_cursor import ClientCursorMixin

from token_rotation.postgres.driver.hooks import Hook
from token_rotation.postgres.driver.psycopg3.errors import note_session
from token_rotation.postgres.driver.psycopg3.texts import show_last_answer


class OwnCursor(ClientCursor):
    """A cursor that shows the answer of the last statement of a message."""

    def execute(self, query: Any, params: Any = None, **more: Any) -> Self:
        try:
            super().execute(query, params, **more)
        except Error as error:
            note_session(error, self.connection)
            raise
        show_last_answer(self)
        return self


class HookedCursor(OwnCursor):
    """A cursor of a connection that has no hook of its own."""

    hook: Hook

    def execute(self, query: Any, params: Any = None, **more: Any) -> Self:
        with self._sent():
            return super().execute(query, params, **more)

    def executemany(self, query: Any, params_seq: Any, **more: Any) -> None:
        with self._sent():
            super().executemany(query, params_seq, **more)

    def _sent(self) -> AbstractContextManager[Any]:
        raw = self.connection
        is_idle = raw.info.transaction_status == pq.TransactionStatus.IDLE
        return self.hook.statement(may_commit=bool(raw.autocommit) and is_idle)


class OwnNamedCursor(ClientCursorMixin, ServerCursor):
    """A cursor that reads its rows in parts."""
