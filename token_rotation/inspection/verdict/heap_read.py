"""Read a table's heap once, in one snapshot, to tell what is pending.

The snapshot keeps dead rows alive: no VACUUM of the database removes rows that die during the read.
The lock is that of any SELECT. Both end with the read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from token_rotation.inspection.columns.column_type import column_type
from token_rotation.inspection.verdict.damaged_index import damaged_indexes
from token_rotation.inspection.verdict.heap_sums import HeapSums
from token_rotation.inspection.verdict.verdict import ReadRelation, ReadServer, Unread, Verdict
from token_rotation.inspection.verdict.writers_wait import (
    WRITERS_AT_MOST_SECONDS,
    OnWait,
    WritersWait,
)
from token_rotation.inspection.whole_view import name_problems
from token_rotation.postgres import driver, statements
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.faults.failures import fault_of
from token_rotation.postgres.faults.sqlstate import Fault
from token_rotation.postgres.reading import NOT_ALLOWED
from token_rotation.selection.key_range import EVERY_KEY
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.sql import verdict as verdict_sql
from token_rotation.sql.pending import values_of
from token_rotation.sql.server import activity as activity_sql
from token_rotation.sql.server import tree as tree_sql

CHUNK_PAGES = 4096
"""32 MB: some 50 ms from memory, less than a second from a slow disk."""

READS_AT_MOST = 3
"""While others attach or detach children."""

TEXT_TYPES = ("text", "character varying", "bpchar", "citext")
FOREIGN_TABLE = "f"

OnPages = Callable[[int, int], None]
"""Takes the pages read so far, and all."""


class HeapRead:
    """One read of every row of a table and its children, once open writers have ended.

    It waits for those up to ``writers_at_most_seconds``; ``on_wait`` hears of it. The read gives up
    after ``at_most_seconds`` (None: no bound) and when ``stopped`` says so. ``on_pages`` hears of
    each part that was read.
    """

    def __init__(
        self,
        connection: Connection,
        target: MarkedTable,
        *,
        at_most_seconds: float | None,
        stopped: Callable[[], bool] = lambda: False,
        on_pages: OnPages = lambda _done, _all: None,
        writers_at_most_seconds: float = WRITERS_AT_MOST_SECONDS,
        on_wait: OnWait = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._target = target
        self._at_most_seconds = at_most_seconds
        self._stopped = stopped
        self._on_pages = on_pages
        self._clock = clock
        self._started_at = clock()
        self._writers = WritersWait(
            connection.rows,
            target,
            at_most_seconds=writers_at_most_seconds,
            stopped=stopped,
            on_wait=on_wait,
            clock=clock,
        )

    def run(self) -> Verdict | Unread:
        """Read. Unread says why the end was not reached. Driver errors pass through.

        ATTACH PARTITION and INHERIT go on beside a reader, and the snapshot does not see them.
        """
        table, database = self._target.table, self._target.database
        for problem in name_problems(self._connection.rows, table, database):
            return Unread(problem.sentence)
        open_writers = self._writers.run()
        self._started_at = self._clock()
        for _ in range(READS_AT_MOST):
            verdict = self._read_once()
            if isinstance(verdict, Unread):
                return verdict
            now = self._connection.rows(tree_sql.relations(), {"table": table})
            if {oid for oid, *_ in now} == {each.oid for each in verdict.relations}:
                # A rotation beside this one may have retired the last tokens during the read.
                return replace(verdict, open_writers=open_writers or self._writers.run())
        return Unread(
            f"children or partitions of {table} came or went during each of {READS_AT_MOST} reads"
        )

    def _read_once(self) -> Verdict | Unread:
        settings = (
            statements.LIMIT_STATEMENT,
            verdict_sql.READ_PLAINLY,
            verdict_sql.lock(self._target),
        )
        bounds = {"statement_timeout_ms": self._left_ms()}
        before = (*_identity(self._connection), self._connection.value(activity_sql.WAL_POSITION))
        try:
            with self._connection.transaction(
                *settings, values=bounds, begin=statements.BEGIN_ONE_SNAPSHOT
            ):
                now = self._connection.row(verdict_sql.SNAPSHOT) or ()
                found = self._read(ReadServer(*before, *now))
                # A limit that runs out during COMMIT cancels the session's next statement.
                self._connection.change(statements.NO_STATEMENT_TIMEOUT)
                return found
        except driver.Error as error:
            if self._is_over() and fault_of(error) in {Fault.TIMED_OUT, Fault.LOCKED}:
                return self._too_long()
            raise

    def _read(self, server: ReadServer) -> Verdict | Unread:
        self._connection.rows(statements.LASTING)
        found = self._connection.rows(verdict_sql.relations(), {"table": self._target.table})
        foreign = [name for _, name, kind, *_ in found if kind == FOREIGN_TABLE]
        if foreign:
            return Unread(f"{foreign[0]} is a foreign table, whose rows another server has")
        sums = HeapSums()
        values = {**values_of(self._target, EVERY_KEY), "read_at": server.read_at}
        unread = self._add_up(sums, max((row[-1] for row in found), default=0), values)
        if unread is not None:
            return unread
        relations = tuple(
            ReadRelation(name, schema, table, oid, sums.rows[oid], sums.pending[oid])
            for oid, name, _, schema, table, _ in found
        )
        damaged = (
            tuple(
                damaged_indexes(self._connection, self._target, relations, read_at=server.read_at)
            )
            if sums.pending.total()
            else ()
        )
        return Verdict(relations, sums, server, self._clock() - self._started_at, damaged)

    def _add_up(self, sums: HeapSums, pages: int, values: dict[str, Any]) -> Unread | None:
        text = self._token_is_text()
        for first, end in _chunks(pages):
            if self._stopped():
                return Unread("the read was stopped")
            if self._is_over():
                return self._too_long()
            count = verdict_sql.count_in_pages(
                self._target, token_is_text=text, is_last=end is None
            )
            chunk = {
                "first": f"({first},0)",
                "end": f"({end},0)",
                "statement_timeout_ms": self._left_ms(),
            }
            bounded = statements.together(statements.LIMIT_STATEMENT, count)
            sums.add(self._connection.rows(bounded, {**values, **chunk}))
            self._on_pages(pages if end is None else end, pages)
        return None

    def _token_is_text(self) -> bool:
        if self._target.presence is None:
            return False
        token, _ = self._target.presence
        with self._connection.cursor() as cursor:
            return column_type(cursor, self._target.table, token) in TEXT_TYPES

    def _left_ms(self) -> int:
        """The rest of the time, as PostgreSQL's timeouts take it: 0 is no bound."""
        if self._at_most_seconds is None:
            return 0
        return max(1, int((self._started_at + self._at_most_seconds - self._clock()) * 1000))

    def _is_over(self) -> bool:
        bound = self._at_most_seconds
        return bound is not None and self._clock() >= self._started_at + bound

    def _too_long(self) -> Unread:
        return Unread(f"the read was given up after {self._at_most_seconds:g} s")


def _identity(connection: Connection) -> tuple[str | None, int | None]:
    """System identifier and timeline; None where the role may not read them."""
    try:
        system_identifier, timeline = connection.row(verdict_sql.IDENTITY) or (None, None)
    except driver.Error as error:
        if driver.sqlstate_of(error) != NOT_ALLOWED:
            raise
        return None, None
    return system_identifier, timeline


def _chunks(pages: int) -> Iterator[tuple[int, int | None]]:
    """Yield the first page and the end of each part; the last has no end."""
    first = 0
    while first + CHUNK_PAGES < pages:
        yield first, first + CHUNK_PAGES
        first += CHUNK_PAGES
    yield first, None
