"""Keep the record of a rotation while it runs, and of how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from token_rotation.engine.result import Outcome
from token_rotation.engine.rotation import Rotation
from token_rotation.errors import AbortedError, RotationError
from token_rotation.operations.failures.describe import describe_explained, describe_unforeseen
from token_rotation.operations.stored_output import StoredError
from token_rotation.run.progress import Progress
from token_rotation.run.recording.live_status import LiveStatus
from token_rotation.run.recording.record import Record
from token_rotation.stop import StopSignal


@contextmanager
def recorded(
    record: Record,
    rotation: Rotation,
    progress: Progress,
    status: LiveStatus,
    stop: StopSignal,
) -> Iterator[None]:
    """Keep a record that has begun while inside, then write how the rotation ended.

    An abort by the operator ends here, as a stopped rotation; other errors pass through.
    """
    error: StoredError | None = None
    try:
        with record.kept(
            progress, stop, rotation, live_status=status, change_pace=rotation.change_pace
        ):
            yield
    except AbortedError:
        rotation.result.outcome = Outcome.STOPPED
    except RotationError as ended_by:
        error = describe_explained(ended_by)
        raise
    except BaseException as ended_by:
        error = describe_unforeseen(ended_by)
        raise
    finally:
        record.end(rotation.result, error=error)
