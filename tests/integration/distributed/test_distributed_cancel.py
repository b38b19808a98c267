"""--stop reaches every distributed rotation, also behind one that cannot be ended."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from tests.support.junk import UNREADABLE
from token_rotation.distributed.cancel import cancel_stopped
from token_rotation.distributed.rounds.begin import create_round
from token_rotation.errors import StatementError, UnknownTargetError
from token_rotation.operations.models import BatchOperation
from token_rotation.selection.key_range import EVERY_KEY

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_rotation_of_a_model_that_is_gone_does_not_keep_others_from_their_end() -> None:
    gone, sound = (
        BatchOperation.objects.create_synchronous(
            "rotation", input_data={"model": model, "database": "default", "distributed": True}
        )
        for model in ("gone.Model", "tickets.Ticket")
    )
    BatchOperation.objects.all().request_stop()

    with pytest.raises(UnknownTargetError, match=r"gone\.Model"):
        cancel_stopped("default")

    for operation, status in ((gone, "running"), (sound, "finished")):
        operation.refresh_from_db()
        assert operation.status == status


def test_a_rotation_that_cannot_be_read_does_not_keep_others_from_their_end() -> None:
    unreadable, sound = (rotation() for _ in range(2))
    with connection.cursor() as cursor:
        cursor.execute(UNREADABLE, [unreadable.pk])
    BatchOperation.objects.all().request_stop()

    with pytest.raises(StatementError, match=f"Operation {unreadable.pk} .* cannot be read"):
        cancel_stopped("default")

    sound.refresh_from_db()
    assert sound.status == "finished"


def test_a_range_whose_worker_is_dead_does_not_keep_a_rotation_from_its_end() -> None:
    """One that lives does."""
    ranges = []
    for runner_age in (timedelta(hours=1), timedelta(0)):
        stopped = rotation()
        (work_range,) = create_round(stopped, 0, [EVERY_KEY])
        work_range.mark_as_running(runner="a worker")
        ranges.append(work_range)
        BatchOperation.objects.filter(pk=work_range.pk).update(heartbeat_at=Now() - runner_age)
    BatchOperation.objects.of_type("rotation").request_stop()

    ended = cancel_stopped("default")

    dead, alive = ranges
    assert ended == {int(dead.context_id or 0)}
    alive.refresh_from_db()
    assert alive.status == "running"


def rotation() -> BatchOperation:
    return BatchOperation.objects.create_synchronous(
        "rotation",
        input_data={"model": "tickets.Ticket", "database": "default", "distributed": True},
    )
