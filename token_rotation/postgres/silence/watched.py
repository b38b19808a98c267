"""What others use of a watched connection."""

from __future__ import annotations

from typing import Any

from psycopg2.extensions import cursor

from token_rotation.postgres.copy_stream import CopyStream
from token_rotation.postgres.silence.session import WatchedSession


class WatchedCursor(cursor):
    """A cursor for the driver or Django; its statements are watched."""

    session: WatchedSession

    def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002  (the driver's name)
        with self.session:
            super().execute(query, vars)


class WatchedSource:
    """A COPY's data. Where the source is slow, the server is not silent."""

    def __init__(self, source: CopyStream, session: WatchedSession) -> None:
        self._source = source
        self._session = session

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self._session.begin_again()
        return data
