"""Count of pending rows, before and after a rotation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from token_rotation.errors import NotReadyError
from token_rotation.events import Observer
from token_rotation.inspection.counting import (
    COUNT_AT_MOST_SECONDS,
    PendingCount,
    count_pending,
)
from token_rotation.inspection.preflight import GuardState, inspect
from token_rotation.inspection.tell_guard import tell_guard
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.reading import reading
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.target import Target
from token_rotation.stop import StopSignal
from token_rotation.targets.later_rows import LaterRows, count_reached
from token_rotation.targets.lookup import ListCount, count_listed


@dataclass(frozen=True, slots=True)
class PendingRows:
    """Pending rows, and the rows that a list means.

    ``to_try`` names the triggers that a rotation tries on one row before it begins.
    """

    count: PendingCount
    listed: ListCount | None = None
    to_try: tuple[str, ...] = ()


def look(
    target: Target, *, stop: StopSignal | None = None, leak_list: LeakList | None = None
) -> PendingRows:
    """Count what is pending in a table ready for rotation.

    Raises NotReadyError, before anything is written, when guard, columns or indexes are not as they
    must be. Raises other RotationErrors when the database cannot be asked, or ``stop`` was aborted.
    """
    with looking(target, stop) as (connection, guard):
        return replace(count_rows(connection, target, leak_list), to_try=guard.to_try)


@contextmanager
def looking(
    target: Target, stop: StopSignal | None, observe: Observer = lambda _: None
) -> Iterator[tuple[Connection, GuardState]]:
    """Open a connection to look at a table that is ready for rotation, with its guard's state.

    Raises as ``look``.
    """
    with reading_until(target.database, stop, observe) as connection:
        guard = ensure_ready(connection, target)
        yield connection, guard


def ensure_ready(connection: Connection, target: Target) -> GuardState:
    """Return the guard's state; raise NotReadyError unless the table is ready.

    The first sentence of the error says that nothing was changed.
    """
    guard = inspect(connection, target)
    tell_guard(target, guard.wrong)
    if guard.problems:
        first, *others = guard.problems
        safe = f"{first.sentence}. Nothing was changed. Run: {first.mend}"
        raise NotReadyError((safe, *map(str, others)))
    return guard


def count_rows(
    connection: Connection,
    target: Target,
    leak_list: LeakList | None,
    later: LaterRows | None = None,
) -> PendingRows:
    """Count what is pending, for a few seconds at most.

    ``later`` are rows whose marker was later than the server's clock: they are pending until they
    are rotated, whatever the clock says by now.
    """
    found = _count_rows(connection, target, leak_list)
    if later is None:
        return found
    reached_rows = count_reached(connection, target, later)
    return replace(found, count=replace(found.count, rows=found.count.rows + reached_rows))


def _count_rows(connection: Connection, target: Target, leak_list: LeakList | None) -> PendingRows:
    if leak_list is None:
        return PendingRows(count_pending(connection, target))
    listed = count_listed(connection, target, leak_list, at_most_seconds=COUNT_AT_MOST_SECONDS)
    if target.selection.is_list_only:
        return PendingRows(PendingCount(listed.meant_rows, listed.is_estimate), listed)
    rest = count_pending(connection, target)
    is_estimate = rest.is_estimate or listed.is_estimate
    return PendingRows(PendingCount(rest.rows + listed.added_rows, is_estimate), listed)


@contextmanager
def reading_until(
    database: str, stop: StopSignal | None, observe: Observer = lambda _: None
) -> Iterator[Connection]:
    """Open ``reading`` for looks that may take long.

    ``stop.abort()`` cancels them; ``stop.request()`` ends a wait for a lock. ``observe`` hears what
    they wait for.
    """
    with reading(database, stop=stop, observe=observe) as connection:
        if stop is not None:
            stop.on_abort(connection.cancel)
        yield connection
