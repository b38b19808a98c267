"""The database refuses impossible operations, whoever writes them."""

from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import IntegrityError
from django.db.models.functions import Now

from token_rotation.operations.lifecycle import Result, Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.record.constraints import CONSTRAINTS

pytestmark = pytest.mark.django_db(transaction=True)

RUNNING: dict[str, Any] = {"status": Status.RUNNING, "started_at": Now(), "heartbeat_at": Now()}
FINISHED = {
    **RUNNING,
    "status": Status.FINISHED,
    "finished_at": Now(),
    "result": Result.SUCCESSFUL,
}
UNPROCESSED: dict[str, Any] = {"status": Status.UNPROCESSED}

IMPOSSIBLE = [
    ("operation_type_given", {**UNPROCESSED, "operation_type": ""}),
    ("operation_status_known", {"status": "paused"}),
    ("operation_status_known", {"status": ""}),
    ("operation_unprocessed_is_untouched", {**UNPROCESSED, "started_at": Now()}),
    ("operation_unprocessed_is_untouched", {**UNPROCESSED, "finished_at": Now()}),
    ("operation_unprocessed_is_untouched", {**UNPROCESSED, "heartbeat_at": Now()}),
    ("operation_unprocessed_is_untouched", {**UNPROCESSED, "stop_requested_at": Now()}),
    ("operation_unprocessed_is_untouched", {**UNPROCESSED, "result": Result.FAILED}),
    ("operation_unprocessed_is_untouched", {**UNPROCESSED, "output_data": 1}),
    ("operation_running_has_started", {**RUNNING, "started_at": None}),
    ("operation_running_has_started", {**RUNNING, "heartbeat_at": None}),
    ("operation_running_has_started", {**RUNNING, "finished_at": Now()}),
    ("operation_running_has_started", {**RUNNING, "result": Result.SUCCESSFUL}),
    ("operation_finished_has_a_result", {**FINISHED, "result": Result.NOT_AVAILABLE}),
    ("operation_finished_has_a_result", {**FINISHED, "result": "perhaps"}),
    ("operation_finished_has_a_result", {**FINISHED, "finished_at": None}),
    ("operation_finished_has_a_result", {**FINISHED, "started_at": None}),
    ("progress_done", {**RUNNING, "progress_done": -1}),
    ("progress_total", {**RUNNING, "progress_total": -1}),
]


@pytest.mark.parametrize("values", [UNPROCESSED, RUNNING, FINISHED])
def test_possible_operations_are_stored(values: dict[str, Any]) -> None:
    BatchOperation.objects.create(**{"operation_type": "x", **values})


@pytest.mark.parametrize(("constraint", "values"), IMPOSSIBLE)
def test_impossible_operations_are_not(constraint: str, values: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        BatchOperation.objects.create(**{"operation_type": "x", **values})


def test_a_context_has_a_key() -> None:
    kind = ContentType.objects.get_for_model(BatchOperation)

    with pytest.raises(IntegrityError, match="operation_context_is_complete"):
        BatchOperation.objects.create(operation_type="x", **UNPROCESSED, context_type=kind)


def test_every_constraint_has_a_row_that_it_refuses() -> None:
    tested = {constraint for constraint, _ in IMPOSSIBLE} | {"operation_context_is_complete"}

    assert {constraint.name for constraint in CONSTRAINTS} <= tested


def test_the_model_matches_its_migration() -> None:
    call_command(
        "makemigrations", "token_rotation_operations", check_changes=True, dry_run=True, verbosity=0
    )
