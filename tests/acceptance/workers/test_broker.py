"""The broker is restarted, or is not there."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.db import transaction

from tests.projects.worker_actions.journal import Journal
from tests.support.celery_workers import RedisServer, Team, forget_tasks
from tests.support.waiting import until
from token_rotation.operations.errors import UnavailableError
from token_rotation.operations.execution.run import run
from token_rotation.operations.lifecycle import Result, Status
from token_rotation.operations.models import BatchOperation

Finished = Callable[[BatchOperation], BatchOperation]

operations = BatchOperation.objects


@pytest.fixture
def directory(tmp_path: Path, workers: Team, broker: RedisServer) -> Iterator[str]:
    yield str(tmp_path)
    broker.start()
    forget_tasks(broker.client)


def test_a_broker_restarted_in_mid_task_changes_nothing(
    directory: str, broker: RedisServer, journal: Journal, finished: Finished
) -> None:
    operation = run("three steps", directory=directory)
    until(lambda: journal.pids("gate"))

    broker.stop()
    broker.start()

    journal.open_gate()
    assert finished(operation).result == Result.SUCCESSFUL
    assert finished(run("one step", directory=directory)).result == Result.SUCCESSFUL
    assert journal.words() == ["first", "gate", "last", "first"]


def test_a_task_in_the_queue_outlives_the_brokers_restart(
    directory: str, broker: RedisServer, finished: Finished
) -> None:
    operation = run("one step", directory=directory)

    broker.stop()
    broker.start()

    assert finished(operation).result == Result.SUCCESSFUL


def test_without_a_broker_one_line_says_so_and_nothing_is_stored(
    directory: str, settings: Any
) -> None:
    settings.OPERATIONS_CELERY_APP = "tests.projects.worker_actions.unreachable.app"

    with pytest.raises(UnavailableError) as raised:
        run("one step", directory=directory)

    assert str(raised.value).startswith("the Celery broker redis://127.0.0.1:1/0 cannot be reached")
    assert "\n" not in str(raised.value)
    assert operations.count() == 0


def test_a_broker_lost_before_the_commit_leaves_no_operation_that_waits(
    directory: str, broker: RedisServer, settings: Any
) -> None:
    settings.ADMINS = [("On call", "on-call@example.com")]
    others: list[str] = []

    with transaction.atomic():
        operation = run("one step", directory=directory)
        transaction.on_commit(lambda: others.append("another callback"))
        broker.stop()

    operation.refresh_from_db()
    assert (operation.status, operation.result) == (Status.FINISHED, Result.FAILED)
    assert "cannot be reached" in operation.output_data["error"]["message"]
    assert [message.subject for message in mail.outbox] == [f"[Django] {operation} failed"]
    assert others == ["another callback"]
