"""Read the table at the end of a rotation, to verify what its index said."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from token_rotation.errors import RotationError
from token_rotation.events import Observer, Verifying, Waiting
from token_rotation.inspection.indexes import indexes_on
from token_rotation.inspection.verdict.heap_read import HeapRead
from token_rotation.inspection.verdict.open_writer import OpenWriter
from token_rotation.inspection.verdict.verdict import DamagedIndex, Unread, Verdict
from token_rotation.inspection.verdict.writers_wait import WRITERS_AT_MOST_SECONDS
from token_rotation.options import RotationOptions
from token_rotation.postgres.backoff import Backoff
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.retrying import RetryLoop
from token_rotation.run.pending import reading_until
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.selection.target import Target, of_tokens
from token_rotation.stop import StopSignal
from token_rotation.targets.later_rows import LaterRows, count_kept_in_heap, count_reached
from token_rotation.targets.lookup import count_listed

SHOW_EVERY_SECONDS = 0.5


def verify(
    target: MarkedTable,
    *,
    at_most_seconds: float | None,
    observe: Observer,
    leak_list: LeakList | None = None,
    later: LaterRows | None = None,
    stop: StopSignal | None = None,
    retry_seconds: float = RotationOptions().retry_seconds,
    wait_for_locks_seconds: float = WRITERS_AT_MOST_SECONDS,
) -> Verdict | Unread:
    """Read the heap, and look up a list, and rows with a later marker, without an index.

    It first waits up to ``wait_for_locks_seconds`` for transactions that have written to the table.
    A read that the database breaks off begins again, for up to ``retry_seconds``. Unread says why
    there is no verdict: it took longer than ``at_most_seconds``, ``stop`` was requested, or the
    database could not be asked.
    """
    stop = StopSignal() if stop is None else stop

    def read() -> Verdict | Unread:
        return HeapRead(
            connection,
            target,
            at_most_seconds=at_most_seconds,
            stopped=lambda: stop.requested,
            on_pages=_shown(observe),
            writers_at_most_seconds=wait_for_locks_seconds,
            on_wait=_waited_for(observe),
        ).run()

    try:
        with reading_until(target.database, stop, observe) as connection:
            verdict = RetryLoop(
                connection,
                backoff=Backoff(retry_seconds),
                stop=stop,
                observe=observe,
                clock=time.monotonic,
            ).run(read)
            if isinstance(verdict, Unread):
                return verdict
            if leak_list is not None:
                verdict = _with_list(connection, of_tokens(target), verdict, leak_list)
            if later is not None:
                verdict = _with_later(connection, of_tokens(target), verdict, later)
            return verdict
    except RotationError as error:
        return Unread("the read was stopped" if stop.requested else str(error))


def _with_list(
    connection: Connection, target: Target, verdict: Verdict, leak_list: LeakList
) -> Verdict:
    """Count the list's rows without an index; where it finds fewer, the index is damaged."""
    list_only = target.selection.is_list_only
    listed, by_index = (
        count.meant_rows if list_only else count.added_rows
        for count in (
            count_listed(connection, target, leak_list, at_most_seconds=None, by_heap=by_heap)
            for by_heap in (True, False)
        )
    )
    damaged = verdict.damaged
    if listed > by_index:
        column = target.key_column if leak_list.kind.name == "keys" else target.token_column
        found = indexes_on(connection, target, column)
        damaged = (*damaged, *(DamagedIndex(name, listed - by_index) for name in found))
    return replace(verdict, listed=listed, list_only=list_only, damaged=damaged)


def _with_later(
    connection: Connection, target: Target, verdict: Verdict, later: LaterRows
) -> Verdict:
    """Count those of its rows that only the list tells from fresh ones."""
    reached = count_kept_in_heap(connection, target, later, reached_only=True)
    missing_rows = reached - count_reached(connection, target, later) if reached else 0
    names = indexes_on(connection, target, target.key_column) if missing_rows > 0 else ()
    damaged = (*verdict.damaged, *(DamagedIndex(name, missing_rows) for name in names))
    return replace(verdict, listed=verdict.listed + reached, damaged=damaged)


def _waited_for(observe: Observer) -> Callable[[Sequence[OpenWriter]], None]:
    """Observe a wait for open transactions, once for the same ones."""
    said = ""

    def show(writers: Sequence[OpenWriter]) -> None:
        nonlocal said
        names = ", ".join(str(each.pid or each) for each in writers)
        if names != said:
            said = names
            observe(Waiting(f"the table is written by {', '.join(map(str, writers))}"))

    return show


def _shown(observe: Observer) -> Callable[[int, int], None]:
    """Observe the read now and then, not each of its parts."""
    next_at = time.monotonic() + SHOW_EVERY_SECONDS

    def show(done_pages: int, total_pages: int) -> None:
        nonlocal next_at
        if time.monotonic() >= next_at:
            next_at = time.monotonic() + SHOW_EVERY_SECONDS
            observe(Verifying(done_pages, total_pages))

    return show
