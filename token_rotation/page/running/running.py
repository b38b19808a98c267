"""One running rotation, as its record describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from token_rotation.distributed.records import RangeCounts, range_counts_of, ranges_of
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.queue.worker_wait import WorkerWait, worker_wait
from token_rotation.operations.stored_output import read_number, read_object
from token_rotation.pacing.pace import Pace
from token_rotation.page.running.rates import Sample, replay
from token_rotation.run.progress import Progress
from token_rotation.run.recording.record import SILENT_FOR
from token_rotation.run.recording.running_pace import pace_now


@dataclass(frozen=True, slots=True)
class RunningRotation:
    """A rotation whose record says that it runs.

    After 30 ``silent_seconds`` without a heartbeat it ``is_silent``: killed or out of reach.
    ``ranges`` are those of a distributed rotation, ``worker_wait`` its wait for workers. ``waits``
    are reasons to wait, in words.
    ``gives_way_with`` is the number of rows a batch while it gives way to traffic, with the reason.
    """

    operation: BatchOperation
    silent_seconds: float
    progress: Progress
    pace: Pace
    waits: tuple[str, ...]
    gives_way_with: tuple[int, str] | None
    ranges: RangeCounts | None = None
    worker_wait: WorkerWait | None = None

    @property
    def is_silent(self) -> bool:
        no_worker_has_it = self.ranges is not None and self.ranges.at_work == 0
        if no_worker_has_it or self.worker_wait is not None:
            return False
        return self.silent_seconds >= SILENT_FOR.total_seconds()

    @property
    def is_stopping(self) -> bool:
        return self.operation.stop_requested_at is not None

    @property
    def batch_size_is_fixed(self) -> bool:
        return _options(self.operation).get("batch_rows") is not None


def running_of(operation: BatchOperation) -> RunningRotation:
    """Describe a running record, annotated with ``read_at``."""
    now = epoch_seconds(read_at(operation))
    samples = samples_of(operation)
    is_distributed = bool(read_object(operation.input_data).get("distributed"))
    said = _live_data_of_ranges(operation) if is_distributed else [read_object(operation.live_data)]
    gentle = [
        (read_number(live.get("batch_rows")), str(because))
        for live in said
        if (because := live.get("giving_way_because"))
    ]
    return RunningRotation(
        operation=operation,
        silent_seconds=max(0.0, now - samples[-1][0]),
        progress=replay(samples, operation.progress_total or 0, now=now),
        pace=pace_now(operation),
        waits=tuple(sorted({str(wait) for live in said if (wait := live.get("waiting_for"))})),
        gives_way_with=min(gentle, default=None),
        ranges=range_counts_of(operation) if is_distributed else None,
        worker_wait=worker_wait(operation) if is_distributed else None,
    )


def _live_data_of_ranges(rotation: BatchOperation) -> list[Mapping[str, Any]]:
    return [read_object(each.live_data) for each in ranges_of(rotation).running().readable()]


def samples_of(operation: BatchOperation) -> tuple[Sample, ...]:
    """Return the samples of a record, with its last heartbeat."""
    samples = [(float(at), int(rows)) for at, rows in operation.recent_progress or ()]
    if operation.heartbeat_at is not None:
        samples.append((epoch_seconds(operation.heartbeat_at), operation.progress_done))
    return tuple(samples)


def _options(operation: BatchOperation) -> dict[str, Any]:
    return read_object(read_object(operation.input_data).get("options"))


def read_at(operation: BatchOperation) -> datetime:
    time: datetime = operation.read_at  # type: ignore[attr-defined]  # annotated
    return time


def epoch_seconds(time: datetime) -> float:
    return time.timestamp()
