"""Records that Python cannot read, or that nobody has started, take no other record with them."""

import re
from typing import Any

import pytest
from django.db import connection

from tests.support.junk import UNREADABLE
from token_rotation.distributed.records import RANGE
from token_rotation.metrics.totals import totals_of
from token_rotation.operations.models import BatchOperation
from token_rotation.page.panel.panel import panel_of
from token_rotation.reporting.history import as_line, last_runs
from token_rotation.targets.discovery import find_targets

pytestmark = pytest.mark.django_db(transaction=True)

operations = BatchOperation.objects
MODEL = {"model": "tickets.Ticket"}


def execute(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def test_json_that_python_cannot_read_takes_only_its_own_values_with_it() -> None:
    (target,) = find_targets("default")
    rotation = operations.create_synchronous("rotation", input_data={**MODEL, "distributed": True})
    part = operations.create_synchronous(RANGE, context_object=rotation)
    for operation in (
        operations.create_synchronous("rotation", input_data=MODEL),
        rotation,
        part,
    ):
        operation.beat(7, live={"waiting_for": "locks"})
    finished = operations.create_synchronous("rotation", input_data=MODEL)
    finished.finish(output_data={"rotated_rows": 9})
    for each in operations.all():
        execute(UNREADABLE, each.pk)

    runs = last_runs(target)

    assert [as_line(run) for run in runs]
    assert [run["rotated_rows"] for run in runs] == [0, 7, 7]
    assert len(panel_of(target, may_control=True).history.data.runs) == 3
    assert totals_of(target).done.rotated_rows == 14


def test_a_rotation_that_was_killed_is_not_said_to_run() -> None:
    (target,) = find_targets("default")
    for age in ("0 seconds", "65 minutes"):
        operation = operations.create_synchronous("rotation", input_data=MODEL)
        operation.beat(12_846)
        execute(
            "UPDATE token_rotation_operation SET heartbeat_at = now() - %s::interval WHERE id = %s",
            age,
            operation.pk,
        )

    killed, alive = (as_line(run) for run in last_runs(target))

    assert ": running, 12,846 rows, last sign of life 20" in alive
    assert re.search(
        r": no sign of life for 1:05:0\d, killed or out of reach, 12,846 rows$", killed
    ), killed


def test_a_rotation_that_nobody_has_started_is_shown() -> None:
    (target,) = find_targets("default")
    waiting = operations.create_asynchronous("rotation", input_data={**MODEL})

    (run,) = last_runs(target)

    assert as_line(run).startswith(f"operation {waiting.pk}, not started, asked for by ")
    (shown,) = panel_of(target, may_control=True).history.data.runs
    assert (shown.number, shown.started_at, shown.outcome) == (waiting.pk, None, "unprocessed")
    assert totals_of(target).done.rotated_rows == 0
