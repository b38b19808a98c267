"""The stored records of a target's rotations, as the page needs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models.functions import Now

from token_rotation.distributed.records import Shares, ranges_of, shares_of
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.stored_output import read_number, read_object
from token_rotation.options import RotationOptions
from token_rotation.pacing.pace import Pace, pace_asked_for, pace_of
from token_rotation.page.rates import Sample, replay, rows_since
from token_rotation.postgres.failures import reason_of
from token_rotation.reporting.history import as_values
from token_rotation.run.progress import Progress
from token_rotation.run.record import DATABASE_ERRORS, OPERATION_TYPE, SILENT_FOR, briefly
from token_rotation.selection.target import Target

RECENT = 8


@dataclass(frozen=True, slots=True)
class RunningRotation:
    """A rotation whose record says that it runs.

    ``silent_seconds`` since its last sign of life; after 30 it ``is_silent``: killed, or out of
    reach. ``shares`` are the ranges of a spread one, ``waits`` what it waits for, in words;
    ``gives_way_with`` so many rows a batch while it meets traffic.
    """

    operation: BatchOperation
    silent_seconds: float
    progress: Progress
    pace: Pace
    waits: tuple[str, ...]
    gives_way_with: int | None
    shares: Shares | None = None

    @property
    def is_silent(self) -> bool:
        nobody_is_at_it = self.shares is not None and self.shares.at_work == 0
        return not nobody_is_at_it and self.silent_seconds >= SILENT_FOR.total_seconds()

    @property
    def is_stopping(self) -> bool:
        return self.operation.stop_requested_at is not None

    @property
    def batch_size_is_fixed(self) -> bool:
        return _options(self.operation).get("batch_rows") is not None


@dataclass(frozen=True, slots=True)
class Records:
    """The running rotations, and the last ones whatever became of them.

    ``recent`` are as in ``history``; ``histories`` the samples of those, for ``rates``. ``now`` is
    the database's clock in seconds since 1970. Where records cannot be read ``unreadable_because``
    says why, and nothing else is known.
    """

    running: tuple[RunningRotation, ...] = ()
    recent: tuple[dict[str, Any], ...] = ()
    histories: tuple[tuple[Sample, ...], ...] = ()
    now: float = 0.0
    unreadable_because: str | None = None

    @property
    def at_work(self) -> tuple[RunningRotation, ...]:
        """Without those that were killed, or are out of reach."""
        return tuple(each for each in self.running if not each.is_silent)

    def rows_since(self, at: float) -> int:
        """How many rows the running rotations have done since ``at``, by their last signs of life.

        Those lag behind by up to a second. What was done before ``at`` and said after it is not
        among them: it was counted already.
        """
        return round(sum(rows_since(history_of(each.operation), at) for each in self.running))

    @property
    def moment(self) -> tuple[tuple[int, str], ...]:
        """Another one whenever a rotation has begun or ended."""
        return tuple((run["operation"], run["outcome"]) for run in self.recent)


def read_records(target: Target) -> Records:
    """In one short transaction on the target's database."""
    stored = BatchOperation.objects.using(target.database).of_type(OPERATION_TYPE)
    of_target = stored.filter(input_data__contains={"model": target.label})
    try:
        with briefly(target.database):
            timed = of_target.select_related("started_by").annotate(read_at=Now())
            recent, running = list(timed[:RECENT]), list(timed.running())
            return Records(
                running=tuple(map(_running, running)),
                recent=tuple(map(as_values, recent)),
                histories=tuple(history_of(each) for each in {*recent, *running}),
                now=max((_seconds(_read_at(each)) for each in recent), default=0.0),
            )
    except DATABASE_ERRORS as error:
        return Records(unreadable_because=reason_of(error))


def running_rotation(target: Target, number: int) -> BatchOperation | None:
    """The target's rotation of that number, while it runs."""
    records = BatchOperation.objects.using(target.database).of_type(OPERATION_TYPE).running()
    return records.filter(pk=number, input_data__contains={"model": target.label}).first()


def pace_now(operation: BatchOperation) -> Pace:
    """The pace last asked for, or else the one that it was started with."""
    asked = pace_asked_for(operation.control_data)
    if asked is not None:
        return asked
    try:
        return pace_of(RotationOptions(**_options(operation)))
    except (TypeError, ValueError):  # the record of a version that has other options
        return Pace()


def history_of(operation: BatchOperation) -> tuple[Sample, ...]:
    """Its samples, and where it was at its last sign of life."""
    samples = [(float(at), int(rows)) for at, rows in operation.recent_progress or ()]
    if operation.heartbeat_at is not None:
        samples.append((_seconds(operation.heartbeat_at), operation.progress_done))
    return tuple(samples)


def _running(operation: BatchOperation) -> RunningRotation:
    now = _seconds(_read_at(operation))
    samples = history_of(operation)
    spread = bool(read_object(operation.input_data).get("spread"))
    said = _said_by_ranges(operation) if spread else [read_object(operation.live_data)]
    batch_rows = [read_number(live.get("batch_rows")) for live in said if live.get("is_giving_way")]
    return RunningRotation(
        operation=operation,
        silent_seconds=max(0.0, now - samples[-1][0]),
        progress=replay(samples, operation.progress_total or 0, now=now),
        pace=pace_now(operation),
        waits=tuple(sorted({str(wait) for live in said if (wait := live.get("waiting_for"))})),
        gives_way_with=min(batch_rows, default=None),
        shares=shares_of(operation) if spread else None,
    )


def _said_by_ranges(rotation: BatchOperation) -> list[Mapping[str, Any]]:
    said = ranges_of(rotation).running().values_list("live_data", flat=True)
    return [read_object(live) for live in said]


def _options(operation: BatchOperation) -> dict[str, Any]:
    return read_object(read_object(operation.input_data).get("options"))


def _read_at(operation: BatchOperation) -> datetime:
    read_at: datetime = operation.read_at  # type: ignore[attr-defined]  # annotated
    return read_at


def _seconds(time: datetime) -> float:
    return time.timestamp()
