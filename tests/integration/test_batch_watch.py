"""The regular look at all operations. Sending again is shown with real workers."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.db.models.functions import Now

import tests.batch_actions.actions  # noqa: F401  (registers the groups)
from tests.racing import at_once
from tickets.batch.models import BatchOperation
from tickets.batch.watch import WATCH, watch

pytestmark = pytest.mark.django_db(transaction=True)

operations = BatchOperation.objects

TWO_HOURS = timedelta(hours=2)  # longer than the visibility timeout


@pytest.fixture(autouse=True)
def _admins(settings: Any) -> None:
    settings.ADMINS = [("On call", "on-call@example.com")]


def test_a_stalled_operation_is_reported_once_for_each_time_that_it_falls_silent() -> None:
    operation = operations.create_synchronous("mail")
    for expected in (1, 2):
        days = timedelta(days=expected)
        operations.filter(pk=operation.pk).update(heartbeat_at=Now() - days)
        watch()
        watch()

        assert len(mail.outbox) == expected
        assert f"{operation}: silent since" in mail.outbox[-1].body


def test_a_failed_operation_is_reported_once() -> None:
    operation = operations.create_synchronous("mail")
    operation.finish(failed=True, output_data={"error": {"type": "E", "message": "why"}})

    watch()
    watch()

    (report,) = mail.outbox
    assert f"{operation}: E: why" in report.body


def test_nothing_is_mailed_when_all_is_well() -> None:
    operations.create_synchronous("mail").finish()

    record = watch()

    assert record is not None
    assert not any(record.output_data.values())
    assert mail.outbox == []


def test_a_tick_delivered_several_times_at_once_makes_one_report() -> None:
    operations.create_synchronous("mail").finish(failed=True)
    key = uuid4()

    answers = at_once(5, lambda _: watch(key=key))

    assert sum(isinstance(answer, BatchOperation) for answer in answers) == 1
    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    assert len(mail.outbox) == 1


@pytest.mark.parametrize(("started_ago", "told"), [(timedelta(minutes=5), 0), (TWO_HOURS, 1)])
def test_what_waits_in_a_queue_is_overdue_only_when_nothing_before_it_is_started(
    started_ago: timedelta, told: int, settings: Any
) -> None:
    settings.BATCH_CELERY_APP = "tests.batch_actions.unreachable.app"
    ahead, waiting, younger = (operations.create_asynchronous("one step") for _ in range(3))
    for operation, ago in (
        (ahead, 2 * TWO_HOURS),
        (waiting, 1.5 * TWO_HOURS),
        (younger, TWO_HOURS),
    ):
        operations.filter(pk=operation.pk).update(created_at=Now() - ago)
    for operation, ago in ((ahead, started_ago), (younger, timedelta())):
        operation.mark_as_running()
        operations.filter(pk=operation.pk).update(started_at=Now() - ago)

    record = watch()

    assert record is not None
    assert len(record.output_data["not started"]) == len(record.output_data["sent again"]) == told
    assert all(f"{waiting}: waits since" in line for line in record.output_data["not started"])


def test_old_rounds_are_removed_also_those_that_died() -> None:
    old = watch()
    assert old is not None
    dead = operations.create_synchronous(WATCH)
    for record in (old, dead):
        operations.filter(pk=record.pk).update(created_at=Now() - timedelta(days=3))

    latest = watch()

    assert list(operations.of_type(WATCH)) == [latest]
