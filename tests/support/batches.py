"""A runner of single batches, without the loop around it."""

from token_rotation.engine.batch import BatchRunner
from token_rotation.engine.pending_rows import PendingRows
from token_rotation.notify.announcements import Announcements
from token_rotation.postgres.connection import Connection
from token_rotation.selection.target import Target


def batch_runner(
    connection: Connection, target: Target, *, lock_timeout_ms: int = 50
) -> BatchRunner:
    return BatchRunner(
        connection,
        target,
        pending=PendingRows(connection, target, lock_timeout_ms=lock_timeout_ms),
        announcements=Announcements(target),
        lock_timeout_ms=lock_timeout_ms,
        aborted=lambda: False,
    )
