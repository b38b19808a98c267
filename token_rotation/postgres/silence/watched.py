"""What others use of a watched connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from psycopg2.extensions import connection, cursor

from token_rotation.events import Observer
from token_rotation.postgres import driver
from token_rotation.postgres.copy_stream import CopyStream
from token_rotation.postgres.silence.bounds import SilenceBounds
from token_rotation.postgres.silence.session import WatchedSession
from token_rotation.postgres.silence.watcher import watch


class WatchedCursor(cursor):
    """A cursor for the driver or Django; its statements are watched."""

    session: WatchedSession

    def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002  (the driver's name)
        with self._sent():
            super().execute(query, vars)

    def executemany(self, query: Any, vars_list: Any) -> None:
        with self._sent():
            super().executemany(query, vars_list)

    def copy_expert(self, sql: Any, file: Any, size: int = 8192) -> None:
        with self._sent():
            super().copy_expert(sql, file, size)

    def fetchone(self) -> Any:
        if self.name is None:
            return super().fetchone()
        with self._sent():
            return super().fetchone()

    def fetchmany(self, size: int | None = None) -> list[Any]:
        size = self.arraysize if size is None else size
        if self.name is None:
            return super().fetchmany(size)
        with self._sent():
            return super().fetchmany(size)

    def fetchall(self) -> list[Any]:
        if self.name is None:
            return super().fetchall()
        with self._sent():
            return super().fetchall()

    def close(self) -> None:
        """Close it. A connection that is lost says so at its next statement: Django wraps that."""
        if self.name is None or self.closed:
            super().close()
            return
        with suppress(driver.OperationalError, driver.InterfaceError), self._sent():
            super().close()

    def _sent(self) -> WatchedSession:
        raw = self.connection
        if self.session.given_up:
            raise driver.OperationalError(self.session.given_up)
        self.session.may_commit = bool(raw.autocommit) and driver.is_idle(raw)
        return self.session


class WatchedConnection(connection):
    """A connection of the driver that Django may use as any other; see ``WatchedSession``.

    Its cursors raise OperationalError after a COMMIT whose standby was given up.
    """

    def __init__(self, dsn: str, bounds: SilenceBounds, observe: Observer, **more: Any) -> None:
        super().__init__(dsn, **more)
        self._session = WatchedSession(self, bounds, observe)
        self._watcher = watch(self._session)

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        if self.cursor_factory in (None, cursor):  # Django names the usual one
            kwargs.setdefault("cursor_factory", WatchedCursor)
        made = super().cursor(*args, **kwargs)
        if isinstance(made, WatchedCursor):
            made.session = self._session
        return made

    def commit(self) -> None:
        self._session.may_commit = True
        with self._session:
            super().commit()

    def rollback(self) -> None:
        self._session.may_commit = False
        with self._session:
            super().rollback()

    @contextmanager
    def patience(self, factor: float) -> Iterator[None]:
        """Give statements ``factor`` times the usual time without a sign of life while inside."""
        before, self._session.patience = self._session.patience, factor
        try:
            yield
        finally:
            self._session.patience = before

    def end_statement(self) -> None:
        """Cancel the statement in flight, as ``Connection.cancel`` does. Returns at once."""
        self._session.ask_to_end()
        self._watcher.wake()

    def close(self) -> None:
        super().close()
        self._session.close()


class WatchedConnections:
    """The ``connection_factory`` that lets Django's wrapper use watched connections."""

    def __init__(self, bounds: SilenceBounds, observe: Observer) -> None:
        self._bounds, self._observe = bounds, observe

    def __call__(self, dsn: str, **more: Any) -> WatchedConnection:
        return WatchedConnection(dsn, self._bounds, self._observe, **more)

    def __deepcopy__(self, _: Any) -> WatchedConnections:
        """Django copies the settings of a connection, deeply."""
        return self


class WatchedSource:
    """A COPY's data. Where the source is slow, the server is not silent."""

    def __init__(self, source: CopyStream, session: WatchedSession) -> None:
        self._source = source
        self._session = session

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self._session.begin_again()
        return data
