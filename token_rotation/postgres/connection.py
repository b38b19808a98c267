"""A database connection of one's own.

Elsewhere the code knows the driver only by its errors and its SQL builder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from token_rotation.errors import DatabaseGoneError
from token_rotation.events import Observer
from token_rotation.postgres import driver, statements
from token_rotation.postgres.copy_stream import CopyStream
from token_rotation.postgres.driver import sql
from token_rotation.postgres.opening import open_raw
from token_rotation.postgres.silence import bounds as silence_bounds
from token_rotation.postgres.silence.bounds import SilenceBounds
from token_rotation.postgres.silence.session import WatchedSession
from token_rotation.postgres.silence.watched import WatchedSource
from token_rotation.postgres.silence.watcher import Watcher, watch

Row = tuple[Any, ...]
Values = Mapping[str, Any]


class Connection:
    """One server connection, opened again after a loss.

    It opens on first use.

    It is not the thread's connection in ``django.db.connections``. So nothing else runs in its
    transactions, and the query log under DEBUG does not grow with the rotation. Options, role and
    time zone are those of the alias. It keeps no session state between transactions, so a
    transaction-pooling proxy may sit in between. ``startup_options`` are for statements that cannot
    run in a transaction. A proxy may ignore them, so look whether they took effect.

    PostgreSQL refuses a statement from which row security would hide rows, and one that waits for
    a lock for half a second where it asks for no other time; unless ``outside_transactions``: such
    statements cannot have a setting of their own.

    A statement may take long, but the server may not fall silent for longer than ``bounds`` say:
    then the connection counts as lost. ``observe`` hears, from another thread, what a statement
    without an answer waits for.
    """

    def __init__(
        self,
        alias: str,
        *,
        startup_options: str = "",
        connect_seconds: int | None = None,
        outside_transactions: bool = False,
        bounds: SilenceBounds | None = None,
        observe: Observer = lambda _: None,
    ) -> None:
        self._alias = alias
        self._startup_options = startup_options
        self._connect_seconds = connect_seconds
        self._outside_transactions = outside_transactions
        self._bounds = bounds or silence_bounds.USUAL
        self._observe = observe
        self._session: WatchedSession | None = None
        self._watcher: Watcher | None = None
        self._patience = 1.0

    @property
    def database(self) -> str:
        """The alias."""
        return self._alias

    def open(self) -> None:
        """Connect if needed.

        The next call then waits for the server's answer alone.
        """
        self._open()

    def _open(self) -> WatchedSession:
        if self._session is None or self._session.is_closed:
            self.close()
            raw = open_raw(
                self._alias,
                startup_options=self._startup_options,
                connect_seconds=self._connect_seconds,
            )
            self._session = WatchedSession(
                raw,
                self._bounds,
                self._observe,
                works_long=self._outside_transactions,
                patience=self._patience,
                is_renewed=True,
            )
            self._watcher = watch(self._session)
        return self._session

    @property
    def _raw(self) -> Any:
        return None if self._session is None else self._session.raw

    def rows(self, query: sql.Composable, values: Values | None = None) -> list[Row]:
        """All rows of the answer."""
        with self._executed(query, values) as cursor:
            return list(cursor.fetchall())

    def row(self, query: sql.Composable, values: Values | None = None) -> Row | None:
        """Return the first row of the answer.

        None when it has none.
        """
        with self._executed(query, values) as cursor:
            found: Row | None = cursor.fetchone()
            return found

    def value(self, query: sql.Composable, values: Values | None = None) -> Any:
        """Return the first column of the first row.

        None when there is no row.
        """
        found = self.row(query, values)
        return None if found is None else found[0]

    def change(self, query: sql.Composable, values: Values | None = None) -> int:
        """Run a statement without an answer.

        Return the number of rows it changed.
        """
        with self._executed(query, values) as cursor:
            return int(cursor.rowcount)

    def _executed(self, query: sql.Composable, values: Values | None) -> Any:
        """Return a cursor with the answer.

        Raises DatabaseGoneError after a COMMIT whose standby was given up.
        """
        session = self._open()
        if session.given_up:
            raise DatabaseGoneError(session.given_up)
        cursor = session.raw.cursor()
        query = self._framed(query)
        with session:
            cursor.execute(query, values)
        return cursor

    def _send(self, query: sql.Composable, values: Values | None = None) -> None:
        session = self._open()
        session.may_commit = query is statements.COMMIT
        with session, session.raw.cursor() as cursor:
            cursor.execute(query, values)

    def _begin(self, beginning: sql.Composable, values: Values | None) -> None:
        self._send(beginning, values)

    def _framed(self, query: sql.Composable) -> sql.Composable:
        """Return a lone statement in a transaction that sees every row.

        Statements inside a transaction stay as they are: its BEGIN has said it.
        """
        session = self._open()
        alone = driver.is_idle(session.raw)
        session.may_commit = alone
        if self._outside_transactions or not alone:
            return query
        return statements.together(statements.FRAME, query)

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        """Return a cursor for the driver or Django.

        Some functions take one.
        """
        session = self._open()
        with driver.hooked_cursor(session.raw, session) as cursor:
            yield cursor

    def text(self, query: sql.Composable, values: Values) -> str:
        """The statement as it is sent."""
        return driver.bound_text(self._open().raw, query, values)

    def copy(self, query: sql.Composable, source: CopyStream) -> None:
        """Send a COPY's data."""
        session = self._open()
        with session, session.raw.cursor() as cursor:
            driver.copy_from(cursor, query, WatchedSource(source, session))

    @contextmanager
    def transaction(
        self,
        *settings: sql.Composable,
        values: Values | None = None,
        begin: sql.Composable = statements.BEGIN,
    ) -> Iterator[None]:
        """Run a transaction that begins with ``settings``.

        ``begin``, ``settings`` (SET LOCAL statements), then COMMIT, or ROLLBACK on any error.
        """
        try:
            self._begin(sql.SQL("; ").join([begin, *settings]), values)
            yield
            self._send(statements.COMMIT)
        except BaseException:
            self._roll_back()
            raise

    @contextmanager
    def rolled_back(
        self, *settings: sql.Composable, values: Values | None = None
    ) -> Iterator[None]:
        """Run a transaction as ``transaction`` does, and roll it back."""
        try:
            self.change(sql.SQL("; ").join([statements.BEGIN, *settings]), values)
            yield
        finally:
            self._roll_back()

    @property
    def notices(self) -> list[str]:
        """The server's notices and warnings since the connection was opened."""
        return [] if self._session is None else list(self._session.notices)

    def _roll_back(self) -> None:
        """Leave the transaction.

        A connection that cannot even do that is thrown away.
        """
        if self._session is None or self._session.is_closed:
            return
        try:
            self._send(statements.ROLLBACK)
        except driver.Error:
            self.close()

    def cancel(self) -> None:
        """Cancel the statement in flight, from any thread or a signal handler. Returns at once.

        Nothing happens when there is none. If the server does not end it soon, the connection is
        dropped. A COMMIT that waits for a standby ends well: what it wrote is committed.
        """
        session, watcher = self._session, self._watcher
        if session is not None and watcher is not None:
            session.ask_to_end()
            watcher.wake()

    @contextmanager
    def patience(self, factor: float) -> Iterator[None]:
        """Multiply, inside, the time that a statement may show no sign of life."""
        before = self._get_patience()
        self._set_patience(factor)
        try:
            yield
        finally:
            self._set_patience(before)

    def limit_patience(self, seconds: float) -> None:
        """Let no statement show no sign of life for longer, unless the bounds allow it."""
        most = max(1.0, seconds / self._bounds.lifeless_seconds)
        self._set_patience(min(most, self._get_patience()))

    def _get_patience(self) -> float:
        return self._patience if self._session is None else self._session.patience

    def _set_patience(self, factor: float) -> None:
        self._patience = factor
        if self._session is not None:
            self._session.patience = factor

    def close(self) -> None:
        """Close; the next use opens again.

        What was not committed is rolled back.
        """
        session, self._session, self._watcher = self._session, None, None
        if session is not None:
            self._patience = session.patience
            session.close()
