"""A database connection of the rotation's own.

Elsewhere the driver is known by its errors and its SQL builder alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import psycopg2
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg2 import sql

from token_rotation.errors import DatabaseGoneError, StatementError
from token_rotation.postgres import statements
from token_rotation.postgres.copy_stream import CopyStream
from token_rotation.postgres.sqlstate import Fault, classify

APPLICATION_NAME = "rotate_tokens"

NOTICE_A_LOST_SERVER: Mapping[str, int] = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""Of libpq; the last in milliseconds, the others in seconds and probes. A server whose machine is
gone says nothing any more: without them a statement would wait for minutes to hours, and Ctrl-C and
``--retry-seconds`` with it. They also keep the connection of a long VACUUM alive in a firewall."""

Row = tuple[Any, ...]
Values = Mapping[str, Any]


def own_wrapper(
    alias: str, startup_options: str = "", connect_seconds: int | None = None
) -> BaseDatabaseWrapper:
    """A new wrapper of the alias, not connected, whose sessions bear the rotation's name.

    ``startup_options`` ("-c name=value ...") come after those that the alias or PGOPTIONS has;
    ``connect_seconds`` replaces the alias' bound to connecting. What the alias says of
    NOTICE_A_LOST_SERVER is kept.
    """
    wrapper = connections[alias].copy()
    options = wrapper.settings_dict["OPTIONS"]
    for name, value in NOTICE_A_LOST_SERVER.items():
        options.setdefault(name, value)
    options["application_name"] = APPLICATION_NAME
    if connect_seconds is not None:
        options["connect_timeout"] = connect_seconds
    if startup_options:
        before = options.get("options") or os.environ.get("PGOPTIONS", "")
        options["options"] = f"{before} {startup_options}".lstrip()
    return wrapper


@contextmanager
def own_session(alias: str) -> Iterator[None]:
    """While inside, the calling thread reaches the alias through a session of that name."""
    before = connections[alias]
    connections[alias] = own_wrapper(alias)
    try:
        yield
    finally:
        connections[alias].close()
        connections[alias] = before


class Connection:
    """One server connection, opened on first use and again after it was lost.

    It is not the connection of the current thread in ``django.db.connections``: nothing else
    runs in its transactions, and query logging under DEBUG cannot grow with the rotation. Options,
    role and time zone are those of the alias. No session state is kept between transactions, so a
    transaction-pooling proxy may sit in between. ``startup_options`` are for statements that must
    not run in a transaction; a proxy may refuse or ignore them, so look whether they took effect.
    """

    def __init__(
        self, alias: str, *, startup_options: str = "", connect_seconds: int | None = None
    ) -> None:
        self._alias = alias
        self._startup_options = startup_options
        self._connect_seconds = connect_seconds
        self._raw: Any = None

    def open(self) -> None:
        """Connect, if it is not connected; what follows then waits for answers alone."""
        self._open()

    def _open(self) -> Any:
        if self._raw is None or self._raw.closed:
            wrapper = own_wrapper(self._alias, self._startup_options, self._connect_seconds)
            wrapper.inc_thread_sharing()
            wrapper.connect()
            self._raw = wrapper.connection
            self._raw.rollback()  # with AUTOCOMMIT off, connecting has begun a transaction
            self._raw.autocommit = True
        return self._raw

    def rows(self, query: sql.Composable, values: Values | None = None) -> list[Row]:
        """All rows of the answer."""
        with self._open().cursor() as cursor:
            cursor.execute(query, values)
            return list(cursor.fetchall())

    def row(self, query: sql.Composable, values: Values | None = None) -> Row | None:
        """The first row of the answer, or None when it has none."""
        with self._open().cursor() as cursor:
            cursor.execute(query, values)
            found: Row | None = cursor.fetchone()
            return found

    def value(self, query: sql.Composable, values: Values | None = None) -> Any:
        """The first column of the first row; None when there is no row."""
        found = self.row(query, values)
        return None if found is None else found[0]

    def change(self, query: sql.Composable, values: Values | None = None) -> int:
        """Run a statement without an answer; the number of rows that it changed."""
        with self._open().cursor() as cursor:
            cursor.execute(query, values)
            return int(cursor.rowcount)

    def text(self, query: sql.Composable, values: Values) -> str:
        """The statement as it is sent."""
        with self._open().cursor() as cursor:
            return str(cursor.mogrify(query, values).decode())

    def copy(self, query: sql.Composable, source: CopyStream) -> None:
        """Send a COPY's data."""
        with self._open().cursor() as cursor:
            cursor.copy_expert(query, source)

    @contextmanager
    def transaction(
        self, *settings: sql.Composable, values: Values | None = None
    ) -> Iterator[None]:
        """BEGIN with ``settings`` (SET LOCAL statements), then COMMIT, or ROLLBACK on any error."""
        try:
            self.change(sql.SQL("; ").join([statements.BEGIN, *settings]), values)
            yield
            self.change(statements.COMMIT)
        except BaseException:
            self._roll_back()
            raise

    @property
    def notices(self) -> list[str]:
        """What the server said beside its answers since the connection was opened."""
        return [] if self._raw is None else list(self._raw.notices)

    def _roll_back(self) -> None:
        """Leave the transaction; a connection that cannot even do that is thrown away."""
        if self._raw is None or self._raw.closed:
            return
        try:
            self.change(statements.ROLLBACK)
        except psycopg2.Error:
            self.close()

    def cancel(self) -> None:
        """Cancel the statement in flight, from any thread. Nothing happens when there is none."""
        raw = self._raw  # the working thread may close it at this moment
        if raw is not None:
            with suppress(psycopg2.Error):
                raw.cancel()

    def close(self) -> None:
        """Close; the next use opens again. What was not committed is rolled back."""
        if self._raw is not None and not self._raw.closed:
            self._raw.close()
        self._raw = None


@contextmanager
def reading(alias: str, *, connect_seconds: int | None = None) -> Iterator[Connection]:
    """A connection for a few look-ups, tried once and closed at the end.

    Raises DatabaseGoneError or StatementError in place of the driver's errors.
    """
    connection = Connection(alias, connect_seconds=connect_seconds)
    try:
        yield connection
    except psycopg2.Error as error:
        if fault_of(error) is Fault.CONNECTION:
            raise DatabaseGoneError(f"cannot reach the database: {describe(error)}") from None
        raise StatementError(f"PostgreSQL refused the statement: {describe(error)}") from None
    finally:
        connection.close()


def fault_of(error: psycopg2.Error) -> Fault:
    """What a driver error means for the rotation."""
    return classify(error.pgcode)


def reason_of(error: Exception) -> str:
    """``describe`` for an error that Django has wrapped."""
    cause = error.__cause__
    return describe(cause) if isinstance(cause, psycopg2.Error) else str(error)


def describe(error: psycopg2.Error) -> str:
    """One line about a driver error that holds no value from a row.

    PostgreSQL puts values into DETAIL ("Key (token)=(...) already exists") and, for data errors,
    into the message itself; so only the condition's name and the objects involved are kept, and
    the message only of errors whose class cannot quote data. What a function raised (its error has
    a context) may hold anything, whatever class it claims.
    """
    if error.pgcode is None:
        return " ".join(str(error).split()) or type(error).__name__
    parts = [f"{type(error).__name__} ({error.pgcode})"]
    if not error.diag.context and error.pgcode[:2] in {
        "08",
        "25",
        "28",
        "42",
        "53",
        "55",
        "57",
        "58",
    }:
        parts.append(error.diag.message_primary or "")
    for kind in ("constraint_name", "column_name", "table_name"):
        name = getattr(error.diag, kind)
        if name:
            parts.append(f"{kind.removesuffix('_name')} {name}")
    return ": ".join([parts[0], ", ".join(filter(None, parts[1:]))]).removesuffix(": ")
