"""The search: one table after another, in short statements."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg2

from token_rotation.postgres import statements
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.copy_stream import CopyStream
from token_rotation.postgres.failures import fault_of, reason_of
from token_rotation.postgres.sqlstate import Fault
from token_rotation.selection.leak_list import LeakList
from token_rotation.sql import copies as copies_sql
from token_rotation.sql import lists as list_sql
from token_rotation.sql import places as places_sql
from token_rotation.stop import StopSignal
from token_rotation.targets.lookup import LOCK_TIMEOUT_MS
from token_rotation.verification.everywhere.findings import Copies, Findings
from token_rotation.verification.everywhere.not_searched import NotSearched, Why
from token_rotation.verification.everywhere.page_steps import PageSteps
from token_rotation.verification.everywhere.shape import Shape
from token_rotation.verification.everywhere.table import Inventory, Table

TRIES = 3
LEAST_TRANSACTION_SECONDS = 10.0
LOADS_A_TRANSACTION = 5
LEAST_STATEMENT_SECONDS = 2.0
_NO_SUCH_TABLE = "42P01"


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How gently to search.

    ``pause_seconds`` is the wait after each statement. ``snapshot_seconds`` bounds the time for
    which one table is read, since its snapshot holds VACUUM back.
    """

    pause_seconds: float = 0.05
    snapshot_seconds: float = 3600.0


Watch = Callable[[Table, int, int], None]
"""Called with a table, the pages read of it, and its pages."""


class _RewrittenError(Exception):
    """The table got another file while it was read."""


class _SlowError(Exception):
    """The table took longer than its snapshot may last."""


class Search:
    """One search of one database.

    Each transaction loads the list into a temporary table, so it works behind a pooler. Small
    tables share a transaction; a large one has its own.
    """

    def __init__(
        self,
        connection: Connection,
        leak_list: LeakList,
        shape: Shape,
        options: SearchOptions,
        *,
        stop: StopSignal,
        watch: Watch,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._list = leak_list
        self._shape = shape
        self._options = options
        self._stop = stop
        self._watch = watch
        self._clock = clock
        self._load_seconds = 0.0
        self._copies: list[Copies] = []
        self._done: list[Table] = []
        self._not_searched: list[NotSearched] = []
        self._failures: dict[int, int] = {}
        self._is_reading = False

    def run(self, inventory: Inventory) -> Findings:
        """Search every table; name those that could not be read.

        The driver's error passes through if no table is at fault.
        """
        waiting = deque(inventory.tables)
        while waiting and not self._stop.requested:
            try:
                self._one_transaction(waiting)
            except (psycopg2.Error, _RewrittenError, _SlowError) as error:
                if self._stop.aborted:
                    break
                if fault_of(error) is Fault.CONNECTION or not self._is_reading:
                    raise
                self._put_off(waiting, error)
        if waiting:
            self._leave_out(Why.STOPPED, *(table.label for table in waiting))
        if self._shape.short_lines:
            self._leave_out(Why.SHORT, f"{self._shape.short_lines:,}")
        return Findings(
            tuple(self._copies),
            tuple(sorted(table.label for table in self._done)),
            sum(len(table.columns) for table in self._done),
            (*self._not_searched, *inventory.not_searched),
        )

    def _one_transaction(self, waiting: deque[Table]) -> None:
        began = self._clock()
        self._is_reading = False
        with self._loaded():
            self._is_reading = True
            self._load_seconds = self._clock() - began
            budget_seconds = max(
                LEAST_TRANSACTION_SECONDS, LOADS_A_TRANSACTION * self._load_seconds
            )
            while waiting and not self._stop.requested:
                if self._clock() - began > budget_seconds:
                    return
                table = waiting[0]
                found = self._read(table, began + self._options.snapshot_seconds)
                if found is None:
                    return
                self._copies += found
                self._done.append(waiting.popleft())

    @contextmanager
    def _loaded(self) -> Iterator[None]:
        """Hold the list in a temporary table while inside."""
        settings = (
            *(copies_sql.SETTINGS, statements.LIMIT_LOCK_WAIT, statements.WITHOUT_A_LIMIT),
            *(list_sql.ROOM_TO_JOIN, copies_sql.WITHOUT_TRANSACTION_TIMEOUT),
            copies_sql.create(self._shape.wanted),
        )
        bound = {"lock_timeout_ms": LOCK_TIMEOUT_MS}
        with self._connection.transaction(*settings, values=bound):
            spellings = (
                form for token in self._list.values() for form in self._shape.spellings(token)
            )
            self._connection.copy(list_sql.COPY, CopyStream(spellings))
            self._connection.change(list_sql.ANALYZE)
            yield

    def _read(self, table: Table, ends_at: float) -> list[Copies] | None:
        """Search one table; None when it was stopped in between."""
        if not table.columns:
            return []
        pages, page_bytes = self._connection.row(places_sql.pages(), {"oid": table.oid}) or (0, 0)
        # Each statement reads the whole list once, which takes a part of the time to load it.
        seconds = max(LEAST_STATEMENT_SECONDS, self._load_seconds)
        steps = PageSteps(int(pages), int(page_bytes), self._clock, target_seconds=seconds)
        counts = [[0, 0] for _ in table.columns]
        for pages_of_step in steps:
            query = copies_sql.search(
                table.schema, table.name, table.columns, self._shape.wanted, pages_of_step
            )
            for place, rows, alone_rows in self._connection.rows(query):
                counts[place][0] += int(rows)
                counts[place][1] += int(alone_rows)
            self._watch(table, steps.done, steps.pages)
            if pages_of_step[1] is not None:
                if self._stop.wait(self._options.pause_seconds):
                    return None
                if self._clock() > ends_at:
                    raise _SlowError
        self._look_for_a_rewrite(table)
        found = zip(table.columns, counts, strict=True)
        return [Copies(table.label, each.name, *count) for each, count in found if count[0]]

    def _look_for_a_rewrite(self, table: Table) -> None:
        """Raise if the table got another file since it was listed.

        TRUNCATE and some forms of ALTER TABLE hide all rows from an older snapshot.
        """
        now = self._connection.value(places_sql.file_number(), {"oid": table.oid})
        if now != table.file_number:
            raise _RewrittenError(now)

    def _put_off(self, waiting: deque[Table], error: Exception) -> None:
        """Try the failed table again after the others, a few times."""
        table = waiting.popleft()
        why, detail = _reason(error)
        if why is Why.GONE:
            self._leave_out(why, table.label)
            return
        if isinstance(error, _RewrittenError):
            table = table.with_file(error.args[0])
        self._failures[table.oid] = self._failures.get(table.oid, 0) + 1
        if why in (Why.LOCKED, Why.REWRITTEN) and self._failures[table.oid] < TRIES:
            waiting.append(table)
            return
        self._leave_out(why, table.label, detail=detail)

    def _leave_out(self, why: Why, *names: str, detail: str = "") -> None:
        self._not_searched.append(NotSearched(why, names, detail))


def _reason(error: Exception) -> tuple[Why, str]:
    if isinstance(error, _RewrittenError):
        return Why.REWRITTEN, ""
    if isinstance(error, _SlowError):
        return Why.SLOW, ""
    if isinstance(error, psycopg2.Error) and error.pgcode == _NO_SUCH_TABLE:
        return Why.GONE, ""
    if fault_of(error) in (Fault.LOCKED, Fault.CONTENTION):
        return Why.LOCKED, ""
    return Why.REFUSED, reason_of(error)
