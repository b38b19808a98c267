"""Keep the record of a rotation while it runs, and of how it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from token_rotation.engine.result import Outcome
from token_rotation.engine.rotation import Rotation
from token_rotation.errors import AbortedError, RotationError
from token_rotation.operations.execution.failure import describe_explained, describe_unforeseen
from token_rotation.operations.stored_output import StoredError
from token_rotation.options import RotationOptions
from token_rotation.run.live_status import LiveStatus
from token_rotation.run.progress import Progress
from token_rotation.run.record import Record
from token_rotation.selection.target import Target
from token_rotation.stop import StopSignal


@contextmanager
def recorded(
    rotation: Rotation,
    target: Target,
    options: RotationOptions,
    *,
    progress: Progress,
    live_status: LiveStatus,
    stop: StopSignal,
    warn: Callable[[str], None],
) -> Iterator[None]:
    """Keep a record while inside. An abort by the operator ends here, as a stopped rotation.

    Where no record can be written, ``warn`` says why, and the rotation runs without one.
    """
    record = Record(target)
    unrecorded_because = record.begin(options, progress.total_rows)
    if unrecorded_because:
        warn(f"This run leaves no record, and --stop cannot reach it: {unrecorded_because}")
    error: StoredError | None = None
    try:
        with record.kept(
            progress, stop, rotation, live_status=live_status, change_pace=rotation.change_pace
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
