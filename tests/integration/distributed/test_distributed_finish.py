"""A distributed rotation that cannot go on is ended and reported, once."""

from dataclasses import asdict
from typing import Any

import pytest
from django.core import mail
from django.db import connection

from tests.support.leaked import CLEAR, leak
from tests.support.security import hearing
from token_rotation.distributed.actions import RotateKeyRange
from token_rotation.distributed.records import END_OF_ROUND, RANGE, end_key
from token_rotation.distributed.rounds.begin import create_round, end_round_if_over
from token_rotation.distributed.rounds.end import end_round
from token_rotation.operations.actions.group import ActionGroup
from token_rotation.operations.execution.perform import perform
from token_rotation.operations.execution.take import take
from token_rotation.operations.lifecycle import Result, Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.signals import operation_failed, operations_watched
from token_rotation.operations.stored_output import StoredError
from token_rotation.options import RotationOptions
from token_rotation.selection.key_range import EVERY_KEY, KeyRange

pytestmark = pytest.mark.django_db(transaction=True)

operations = BatchOperation.objects
GONE = StoredError("token_rotation.errors.UnknownTargetError", "no rotating token in gone.Model")


@pytest.fixture
def failures(settings: Any) -> Any:
    """The operations whose failure was signalled; ADMINS get mails."""
    settings.ADMINS = [("", "on-call@example.com")]
    found: list[BatchOperation] = []

    def note(operation: BatchOperation, **_: Any) -> None:
        found.append(operation)

    operation_failed.connect(note)
    yield found
    operation_failed.disconnect(note)


@pytest.fixture
def rotation() -> BatchOperation:
    """One of a model that is gone: its range and the end of its round have failed."""
    rotation = operations.create_synchronous(
        "rotation", input_data={"model": "gone.Model", "database": "default", "distributed": True}
    )
    (work_range,) = create_round(rotation, 0, [EVERY_KEY])
    end = operations.create_asynchronous(
        END_OF_ROUND,
        context_object=rotation,
        key=end_key(rotation, 0),
        input_data={"rotation": rotation.pk, "round": 0},
    )
    for part in (work_range, end):
        part.mark_as_running()
        part.beat(7 if part == work_range else None)
        part.finish(failed=True, output_data={"error": GONE.as_json()})
    return rotation


def test_a_rotation_whose_model_is_gone_is_ended_by_the_watch(
    rotation: BatchOperation, failures: list[BatchOperation], caplog: pytest.LogCaptureFixture
) -> None:
    with hearing() as heard:
        for _ in range(2):
            operations_watched.send(BatchOperation)

    (ended,) = heard.events
    assert (ended["event"], ended["target"]) == ("token_rotation_ended", "gone.Model")
    assert (ended["outcome"], ended["rotated_rows"], ended["error"]) == ("failed", 7, GONE.type)
    rotation.refresh_from_db()
    assert (rotation.status, rotation.result) == (Status.FINISHED, Result.FAILED)
    assert rotation.output_data["rotated_rows"] == 7
    assert failures == [rotation]
    assert [record.getMessage() for record in caplog.records] == [f"{rotation} failed: {GONE}"]


def test_a_failed_rotation_alerts_for_itself_once_with_its_reason(
    rotation: BatchOperation, failures: list[BatchOperation]
) -> None:
    assert end_round_if_over(rotation)
    assert not end_round_if_over(rotation)

    assert failures == [rotation]
    (message,) = mail.outbox
    assert message.subject == f"[Django] {rotation} failed"
    assert message.body == f"{rotation} failed: {GONE}"


def test_rows_of_a_failed_range_count_once_when_a_later_round_rotates_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Twenty rows: four by the range that fails, ten by the other, six by the next round."""
    monkeypatch.setattr("token_rotation.distributed.rounds.begin.send", lambda *_: None)
    leak(connection, 20)
    rotation = operations.create_synchronous(
        "rotation",
        input_data={
            "model": "tickets.Ticket",
            "database": "default",
            "distributed": True,
            "options": asdict(RotationOptions()),
        },
    )
    failing, other = create_round(rotation, 0, [KeyRange(None, "10"), KeyRange("10", None)])
    failing.mark_as_running(runner="a worker")
    failing.beat(0, 10)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE tickets_ticket SET token = gen_random_uuid(), token_rotated_at = now() "
            "WHERE id <= 4"
        )
    failing.finish(failed=True, output_data={"error": GONE.as_json()})
    perform_range(other)

    assert end_round(rotation, 0) == {"next_round": 1}
    perform_range(operations.of_type(RANGE).filter(status=Status.UNPROCESSED).get())
    with hearing() as heard:
        assert end_round(rotation, 1) == {"outcome": "complete"}
    (ended,) = heard.events
    assert (ended["outcome"], ended["rotated_rows"]) == ("nothing_pending", 20)

    rotation.refresh_from_db()
    assert rotation.output_data["rotated_rows"] == 20
    with connection.cursor() as cursor:
        cursor.execute(CLEAR)


def perform_range(work_range: BatchOperation) -> None:
    group = ActionGroup(RANGE, actions=[RotateKeyRange])
    perform(take(work_range.pk, "a worker"), group, may_retry=lambda *_: False)
