"""The scheduler, a worker, and what they tell people without being asked."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models.functions import Now

from tests.support.celery_workers import Scheduler, Team
from tests.support.waiting import until
from token_rotation.operations.models import BatchOperation

operations = BatchOperation.objects


@pytest.fixture
def scheduler(celery_env: dict[str, str], workers: Team, tmp_path: Path) -> Iterator[Scheduler]:
    scheduler = Scheduler(tmp_path, celery_env)
    yield scheduler
    scheduler.kill()


def test_stalled_and_failed_operations_are_mailed_by_the_periodic_task(
    workers: Team, scheduler: Scheduler
) -> None:
    stalled = operations.create_synchronous("mail")
    operations.filter(pk=stalled.pk).update(heartbeat_at=Now() - timedelta(days=1))
    failed = operations.create_synchronous("mail")
    failed.finish(failed=True, output_data={"error": {"type": "Error", "message": "why"}})

    until(lambda: workers.mails_about(f"{stalled}: silent since"))
    until(lambda: workers.mails_about(f"{failed}: Error: why"))
