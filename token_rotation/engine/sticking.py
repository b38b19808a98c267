"""Tell rows that cannot rotate from rows that others touch.

Others touch them at the same time.
"""

from __future__ import annotations

from functools import partial

from token_rotation.engine.batches.first_row import Fate
from token_rotation.engine.worker import Worker
from token_rotation.engine.worker_pool import WorkerPool
from token_rotation.errors import UnyieldingRowsError
from token_rotation.inspection.key_order import check_index_order
from token_rotation.inspection.triggers.update_hooks import update_hooks
from token_rotation.selection.key_range import KeyRange
from token_rotation.selection.marked_table import MarkedTable

TRY_ONE_ROW_SECONDS = 0.2


def check_that_changes_stick(target: MarkedTable, keys: KeyRange | None, pool: WorkerPool) -> None:
    """Rotate the first pending row of ``keys`` and check it.

    Looks at the row while it is locked.

    Without the lock, a row that somebody asks for again at that moment would look the same.
    Raises UnyieldingRowsError where the row is still pending.
    """
    if keys is not None and pool.by_one(partial(_try_one_row, keys=keys)) is Fate.DID_NOT_STICK:
        raise UnyieldingRowsError(
            f"rows of {target.table} stay pending after an UPDATE without an error, and "
            "nobody holds them: another trigger or a rule undoes or suppresses it. "
            f"{_others(target, pool)}. Change or drop what does"
        )


def pending_again(target: MarkedTable, pool: WorkerPool, passes: int) -> UnyieldingRowsError:
    """Return the error for rows that become pending as fast as they are rotated."""
    which = f"the same rows of {target.table} were" if passes else f"rows of {target.table} are"
    when = (
        f"after each of {passes} passes that changed them" if passes else "as fast as they change"
    )
    return UnyieldingRowsError(
        f"{which} pending again {when}: something sets {target.marker_column} back to NULL. "
        f"{_others(target, pool)}; or a session of the application does it. End or change what does"
    )


def check_order_of_indexes(worker: Worker) -> None:
    """Raise KeyOrderError where an index explains that no pass finds the pending rows."""
    worker.retrying.run(lambda: check_index_order(worker.connection, worker.target))


def _others(target: MarkedTable, pool: WorkerPool) -> str:
    """Name the triggers and rules of somebody else that fire at an UPDATE."""

    def ask(worker: Worker) -> list[str]:
        return worker.retrying.run(lambda: update_hooks(worker.connection, target))

    names = pool.by_one(ask)
    if not names:
        return f"No trigger or rule of others fires at an UPDATE of {target.table}"
    return f"At an UPDATE fire: {', '.join(names)}"


def _try_one_row(worker: Worker, keys: KeyRange) -> Fate:
    def rotate() -> Fate:
        with worker.ranges.first_row(keys, TRY_ONE_ROW_SECONDS) as row:
            row.rotate()
        return row.fate

    return worker.retrying.run(rotate)
