"""Tell rows that cannot rotate from rows that others touch.

Others touch them at the same time.
"""

from __future__ import annotations

from functools import partial

from token_rotation.engine.batches.first_row import Fate
from token_rotation.engine.worker import Worker
from token_rotation.engine.worker_pool import WorkerPool
from token_rotation.errors import UnyieldingRowsError
from token_rotation.selection.key_range import KeyRange
from token_rotation.selection.target import Target

TRY_ONE_ROW_SECONDS = 0.2


def check_that_changes_stick(target: Target, keys: KeyRange | None, pool: WorkerPool) -> None:
    """Rotate the first pending row of ``keys`` and check it.

    Looks at the row while it is locked.

    Without the lock, a row that somebody asks for again at that moment would look the same.
    Raises UnyieldingRowsError where the row is still pending.
    """
    if keys is not None and pool.by_one(partial(_try_one_row, keys=keys)) is Fate.DID_NOT_STICK:
        raise UnyieldingRowsError(
            f"rows of {target.table} stay pending after an UPDATE without an error, and "
            "nobody holds them: another trigger or a rule undoes or suppresses it. Look at the "
            "table's definition"
        )


def _try_one_row(worker: Worker, keys: KeyRange) -> Fate:
    def rotate() -> Fate:
        with worker.ranges.first_row(keys, TRY_ONE_ROW_SECONDS) as row:
            row.rotate()
        return row.fate

    return worker.retrying.run(rotate)
