"""Rebuild a token's index beside traffic."""

from __future__ import annotations

from token_rotation.events import Observer
from token_rotation.maintenance.vacuum import maintenance_in_progress
from token_rotation.postgres.autocommit_session import CANCELLED, AutocommitSession
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.faults.sqlstate import Fault
from token_rotation.postgres.retrying import retry_at_once
from token_rotation.selection.target import Target
from token_rotation.sql import ddl as ddl_sql
from token_rotation.sql.server import storage as storage_sql

ATTEMPTS = 3


class TokenReindex:
    """REINDEX INDEX CONCURRENTLY on a connection of its own.

    The connection ends with each call.

    Both methods return None when done, else the reason for people. They raise no database error. A
    REINDEX that is killed leaves an invalid index, named ..._ccnew or ..._ccold. It is of no use
    and slows every write until ``drop_leftovers``. ``observe`` hears what they wait for.
    """

    def __init__(self, target: Target, *, observe: Observer = lambda _: None) -> None:
        self._target = target
        self._session = AutocommitSession(target.database, observe=observe)

    def drop_leftovers(self) -> str | None:
        """Drop the leftovers of REINDEXes that have ended.

        One that still runs is left alone.
        """
        return self._session.attempt(self._drop)

    def run(self, index: str) -> str | None:
        """Rebuild ``index``.

        After a deadlock, remove the leftovers and try again.
        """

        def attempt(connection: Connection) -> str | None:
            if not connection.value(storage_sql.may_reindex(), {"index": index}):
                return (
                    f"this role may not rebuild the index {index}: its owner or, from PostgreSQL "
                    f"17, a role with MAINTAIN on {self._target.table} may"
                )
            reason = self._drop(connection)
            if reason is None:
                connection.change(storage_sql.reindex(index))
            return reason

        return self._session.attempt(
            lambda connection: retry_at_once(
                lambda: attempt(connection), on=Fault.CONTENTION, tries=ATTEMPTS
            )
        )

    def cancel(self) -> None:
        """Cancel as ``AutocommitSession`` does.

        The old index stays in use.
        """
        self._session.cancel()

    def _drop(self, connection: Connection) -> str | None:
        at_work = maintenance_in_progress(connection, self._target)
        if at_work is not None:
            return f"{at_work} is at work on {self._target.table} already"
        values = {"table": self._target.table, "token": self._target.token_column}
        for (name,) in connection.rows(storage_sql.leftover_indexes(), values):
            if self._session.cancelled:
                return CANCELLED
            connection.change(ddl_sql.drop_index_concurrently(name))
        return CANCELLED if self._session.cancelled else None
