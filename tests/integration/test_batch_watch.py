"""The regular look at all operations. Sending again is shown with real workers."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.db.models.functions import Now

from tests.racing import at_once
from tickets.batch.models import BatchOperation
from tickets.batch.watch import WATCH, watch

pytestmark = pytest.mark.django_db(transaction=True)

operations = BatchOperation.objects


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


def test_old_rounds_are_removed() -> None:
    old = watch()
    assert old is not None
    operations.filter(pk=old.pk).update(created_at=Now() - timedelta(days=3))

    latest = watch()

    assert list(operations.of_type(WATCH)) == [latest]
