"""The search: one table after another, in short statements."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from token_rotation.postgres.connection import Connection
from token_rotation.postgres.faults.failures import fault_of
from token_rotation.postgres.faults.sqlstate import Fault
from token_rotation.postgres.faults.table_locks import locked_by
from token_rotation.selection.leak_list import LeakList
from token_rotation.sql.lists import copies as copies_sql
from token_rotation.sql.lists import places as places_sql
from token_rotation.stop import StopSignal
from token_rotation.verification.everywhere.findings import Copies, Findings
from token_rotation.verification.everywhere.loaded_list import loaded
from token_rotation.verification.everywhere.not_searched import NotSearched, Why
from token_rotation.verification.everywhere.options import SearchOptions
from token_rotation.verification.everywhere.page_steps import PageSteps
from token_rotation.verification.everywhere.shape import Shape
from token_rotation.verification.everywhere.table import Inventory, Table
from token_rotation.verification.everywhere.table_failure import (
    TABLE_FAILURES,
    GoneError,
    RewrittenError,
    SlowError,
    why_left_out,
)

TRIES = 3
LEAST_TRANSACTION_SECONDS = 10.0
LOADS_A_TRANSACTION = 5
LEAST_STATEMENT_SECONDS = 2.0


Watch = Callable[[Table, int, int], None]
"""Called with a table, the pages read of it, and its pages."""


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
        self._of_this_table: list[Copies] = []
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
            except TABLE_FAILURES as error:
                if self._stop.aborted:
                    break
                if fault_of(error) is Fault.CONNECTION or not self._is_reading:
                    raise
                self._put_off(waiting, error)
        if waiting:
            self._keep_copies()
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
        with loaded(self._connection, self._list, self._shape):
            self._is_reading = True
            self._load_seconds = self._clock() - began
            budget_seconds = max(
                LEAST_TRANSACTION_SECONDS, LOADS_A_TRANSACTION * self._load_seconds
            )
            while waiting and not self._stop.requested:
                if self._clock() - began > budget_seconds:
                    return
                if not self._read(waiting[0], began + self._options.snapshot_seconds):
                    return
                self._keep_copies()
                self._done.append(waiting.popleft())

    def _read(self, table: Table, ends_at: float) -> bool:
        """Search one table; return False when it was stopped in between."""
        self._of_this_table = []
        if not table.columns:
            return True
        counts = [[0, 0] for _ in table.columns]
        steps = self._steps(table)
        for pages in steps:
            query = copies_sql.search(
                table.schema, table.name, table.columns, self._shape.wanted, pages
            )
            for place, rows, alone_rows in self._connection.rows(query):
                counts[place][0] += int(rows)
                counts[place][1] += int(alone_rows)
            found = zip(table.columns, counts, strict=True)
            self._of_this_table = [
                Copies(table.label, each.name, *count) for each, count in found if count[0]
            ]
            self._watch(table, steps.done, steps.pages)
            if pages[1] is not None:
                if self._stop.wait(self._options.pause_seconds):
                    return False
                if self._clock() > ends_at:
                    raise SlowError
        self._look_for_a_rewrite(table)
        return True

    def _steps(self, table: Table) -> PageSteps:
        pages, page_bytes = self._connection.row(places_sql.pages(), {"oid": table.oid}) or (
            None,
            0,
        )
        if pages is None:
            raise GoneError
        # Each statement reads the whole list once, which takes a part of the time to load it.
        seconds = max(LEAST_STATEMENT_SECONDS, self._load_seconds)
        return PageSteps(int(pages), int(page_bytes), self._clock, target_seconds=seconds)

    def _keep_copies(self) -> None:
        """Keep what was found in this table, also where it was not read to its end."""
        self._copies += self._of_this_table
        self._of_this_table = []

    def _look_for_a_rewrite(self, table: Table) -> None:
        """Raise if the table got another file since it was listed.

        TRUNCATE and some forms of ALTER TABLE hide all rows from an older snapshot.
        """
        now = self._connection.value(places_sql.file_number(), {"oid": table.oid})
        if now != table.file_number:
            raise RewrittenError(now)

    def _put_off(self, waiting: deque[Table], error: Exception) -> None:
        """Try the failed table again after the others, a few times."""
        table = waiting.popleft()
        why, detail = why_left_out(error)
        if why is Why.GONE:
            self._leave_out(why, table.label)
            return
        if isinstance(error, RewrittenError):
            table = table.with_file(error.args[0])
        self._failures[table.oid] = self._failures.get(table.oid, 0) + 1
        if why in (Why.LOCKED, Why.REWRITTEN) and self._failures[table.oid] < TRIES:
            waiting.append(table)
            return
        self._keep_copies()
        if why is Why.LOCKED:
            detail = locked_by(self._connection, table.oid).removeprefix("; ")
        self._leave_out(why, table.label, detail=detail)

    def _leave_out(self, why: Why, *names: str, detail: str = "") -> None:
        self._not_searched.append(NotSearched(why, names, detail))
