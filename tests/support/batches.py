"""Single batches, without the loop around them."""

from token_rotation.engine.batches.batch import BatchRunner
from token_rotation.engine.batches.pending_rows import PendingRows
from token_rotation.engine.batches.range_update import RangeUpdate
from token_rotation.engine.batches.refusals import Refusals
from token_rotation.engine.writers.choose import writer_of
from token_rotation.notify.announcements import Announcements
from token_rotation.postgres.connection import Connection
from token_rotation.selection.target import Target


def batch_runner(
    connection: Connection, target: Target, *, lock_timeout_ms: int = 50
) -> BatchRunner:
    pending = PendingRows(connection, target, lock_timeout_ms=lock_timeout_ms)
    update = range_update(connection, target, lock_timeout_ms=lock_timeout_ms)
    refusals = Refusals(target, lambda _: None)
    return BatchRunner(
        update, pending, refusals, aborted=lambda: False, ended=lambda: refusals.is_over
    )


def range_update(
    connection: Connection, target: Target, *, lock_timeout_ms: int = 50
) -> RangeUpdate:
    pending = PendingRows(connection, target, lock_timeout_ms=lock_timeout_ms)
    return RangeUpdate(
        connection,
        target,
        writer_of(connection, target, pending, independent_tokens=False, largest_batch_rows=1),
        pending=pending,
        announcements=Announcements(target),
        lock_timeout_ms=lock_timeout_ms,
    )
