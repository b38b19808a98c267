"""The stored records of a target's rotations, for the page."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from django.db import connections
from django.db.models.functions import Now

from token_rotation.operations.models import BatchOperation
from token_rotation.page.running.rates import Sample, rows_since
from token_rotation.page.running.running import (
    RunningRotation,
    epoch_seconds,
    read_at,
    running_of,
    samples_of,
)
from token_rotation.postgres.faults.failures import reason_of
from token_rotation.postgres.statements import CLOCK
from token_rotation.postgres.text_cursor import django_cursor
from token_rotation.reporting.history import as_values
from token_rotation.run.recording.record import DATABASE_ERRORS, OPERATION_TYPE, briefly
from token_rotation.selection.target import Target

RECENT = 8


@dataclass(frozen=True, slots=True)
class TargetRecords:
    """The running rotations of a target, and its last ones.

    The last ones have any outcome. ``recent`` are values as of ``reporting.history``, ``histories``
    their samples for ``rates``. ``now`` is the database's clock in seconds since 1970. If the
    records cannot be read, ``unreadable_because`` says why, and all else is empty.
    """

    running: tuple[RunningRotation, ...] = ()
    recent: tuple[dict[str, Any], ...] = ()
    histories: tuple[tuple[Sample, ...], ...] = ()
    now: float = 0.0
    unreadable_because: str | None = None

    @property
    def at_work(self) -> tuple[RunningRotation, ...]:
        """The running rotations, without those that are silent."""
        return tuple(each for each in self.running if not each.is_silent)

    def rows_since(self, at: float) -> int:
        """Return the rows that running rotations did after ``at``.

        They are as of the last heartbeats, which lag by up to 1 s. Rows done before ``at`` but
        reported later do not count again.
        """
        return round(sum(rows_since(samples_of(each.operation), at) for each in self.running))

    @property
    def moment(self) -> tuple[tuple[int, str], ...]:
        """A value that changes whenever a rotation starts or ends."""
        return tuple((run["operation"], run["outcome"]) for run in self.recent)


def read_records(target: Target) -> TargetRecords:
    """Read the records in one short transaction.

    It runs on the target's database.
    """
    stored = BatchOperation.objects.using(target.database).of_type(OPERATION_TYPE)
    of_target = stored.filter(input_data__contains={"model": target.label})
    try:
        with briefly(target.database):
            timed = of_target.select_related("started_by").annotate(read_at=Now())
            recent = list(timed[:RECENT].readable())
            running = list(timed.running().readable())
            return TargetRecords(
                running=tuple(map(running_of, running)),
                recent=tuple(map(as_values, recent)),
                histories=tuple(samples_of(each) for each in {*recent, *running}),
                now=max((epoch_seconds(read_at(each)) for each in recent), default=0.0),
            )
    except DATABASE_ERRORS as error:
        return TargetRecords(unreadable_because=reason_of(error))


def database_now(target: Target) -> float:
    """Return the database's clock in seconds since 1970.

    Infinity if it cannot be read: then no row counts as rotated since.
    """
    try:
        with briefly(target.database), django_cursor(connections[target.database]) as cursor:
            cursor.execute(CLOCK)
            return epoch_seconds(cursor.fetchone()[0])
    except DATABASE_ERRORS:
        return math.inf


def running_rotation(target: Target, number: int) -> BatchOperation | None:
    """Return the target's running rotation of that number, or None.

    None means that it does not run.
    """
    records = BatchOperation.objects.using(target.database).of_type(OPERATION_TYPE).running()
    return records.filter(pk=number, input_data__contains={"model": target.label}).first()
