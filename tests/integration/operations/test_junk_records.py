"""A record that holds anything takes neither the history, the page nor the figures with it."""

from typing import Any

import pytest

from tests.support.junk import JUNK
from token_rotation.distributed.records import RANGE
from token_rotation.distributed.results import FIGURES, ROTATE_KEY_RANGE, value_of
from token_rotation.distributed.rounds.finish import finish
from token_rotation.engine.result import Outcome
from token_rotation.metrics.totals import totals_of
from token_rotation.operations.execution.claim import Claim
from token_rotation.operations.execution.take import take
from token_rotation.operations.models import BatchOperation
from token_rotation.page.panel.panel import panel_of
from token_rotation.reporting.history import as_line, last_runs
from token_rotation.targets.discovery import find_targets

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize("junk", JUNK, ids=lambda each: str(each)[:30]),
]

operations = BatchOperation.objects
MODEL = {"model": "tickets.Ticket"}


def test_a_finished_rotation_is_shown_and_counted(junk: Any) -> None:
    (target,) = find_targets("default")
    for failed in (False, True):
        operation = operations.create_synchronous("rotation", input_data=MODEL)
        operation.beat(7)
        operation.finish(failed=failed, output_data=junk)

    runs = last_runs(target)

    assert [as_line(run) for run in runs]
    assert [run["rotated_rows"] for run in runs] == [7, 7]
    assert len(panel_of(target, may_control=True).history.data.runs) == 2
    assert totals_of(target).done.rotated_rows == 14


def test_a_running_rotation_is_shown_and_counted(junk: Any) -> None:
    (target,) = find_targets("default")
    plain = operations.create_synchronous("rotation", input_data={**MODEL, "options": junk})
    rotation = operations.create_synchronous("rotation", input_data={**MODEL, "distributed": True})
    part = operations.create_synchronous(RANGE, context_object=rotation)
    for operation in (plain, part):
        operation.beat(7, live=junk)
    operations.all().update(output_data=junk)

    assert totals_of(target).done.rotated_rows == 14
    assert len(panel_of(target, may_control=True).history.data.runs) == 2


def test_a_distributed_rotation_can_be_ended(junk: Any) -> None:
    rotation = operations.create_synchronous(
        "rotation", input_data={**MODEL, "database": "default", "distributed": True}
    )
    keys = {"rotation": rotation.pk, "round": 0, "after": None, "upper": None}
    results = [
        junk,
        {"actions": [{"action": ROTATE_KEY_RANGE, "status": "successful", "value": junk}]},
    ]
    for output in results:
        part = operations.create_synchronous(RANGE, context_object=rotation, input_data=keys)
        part.beat(7, 7, live={FIGURES: junk})
        part.finish(output_data=output)
        assert value_of(part) is None or isinstance(value_of(part), dict)

    assert finish(rotation, 0, Outcome.COMPLETE)

    rotation.refresh_from_db()
    assert rotation.output_data["rotated_rows"] == 14


def test_an_operation_can_be_taken_and_finished(junk: Any) -> None:
    operation = operations.create_asynchronous("one step")
    operation.mark_as_running(runner="first")
    operations.filter(pk=operation.pk).update(output_data=junk)

    claim = take(operation.pk, "first")
    claim.hand_back({"action": "A", "status": "failed"})
    claim = take(operation.pk, "second")
    claim.lose()
    Claim(take(operation.pk, "third").operation, "third").fail(error=ValueError("why"))

    operation.refresh_from_db()
    assert operation.output_data["error"]["type"] == "ValueError"
