"""Processes are killed or stand still in mid-task: the work goes on, and counts once."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.projects.worker_actions.journal import Journal
from tests.support.celery_workers import RedisServer, Team, Worker
from tests.support.waiting import until
from tickets.config.celery import app
from token_rotation.operations.execution.run import run
from token_rotation.operations.lifecycle import Result
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.queue.celery_backend import RUN_OPERATION
from token_rotation.operations.watching.watch import watch

Finished = Callable[[BatchOperation], BatchOperation]

operations = BatchOperation.objects


@pytest.fixture
def directory(tmp_path: Path, workers: Team) -> str:
    return str(tmp_path)


def test_a_killed_process_costs_no_stored_result(
    directory: str, journal: Journal, finished: Finished
) -> None:
    operation = run("three steps", directory=directory)
    until(lambda: journal.pids("gate"))

    os.kill(journal.pids("gate")[0], signal.SIGKILL)

    until(lambda: len(journal.pids("gate")) == 2)
    journal.open_gate()
    assert finished(operation).result == Result.SUCCESSFUL
    assert journal.words() == ["first", "gate", "gate", "last"]
    assert operation.output_data["losses"] == 1


def test_an_atomic_action_whose_process_died_happens_once(
    directory: str, journal: Journal, finished: Finished
) -> None:
    operation = finished(run("deadly once", directory=directory))

    assert operation.result == Result.SUCCESSFUL
    assert journal.words() == ["try", "try"]
    assert operations.for_context(operation).count() == 1


def test_an_operation_that_kills_its_workers_is_given_up(
    directory: str, workers: Team, journal: Journal, finished: Finished
) -> None:
    operation = finished(run("deadly", directory=directory))

    assert operation.result == Result.FAILED
    assert (
        operation.output_data["error"]["type"]
        == "token_rotation.operations.errors.WorkersLostError"
    )
    assert operation.output_data["losses"] == 3
    until(lambda: workers.mails_about(f"{operation} failed"))
    assert [word for word in journal.words() if word != "signal"] == ["try"] * 3


def test_a_task_of_a_killed_worker_is_delivered_to_another_one(
    directory: str,
    make_worker: Callable[..., Worker],
    broker: RedisServer,
    journal: Journal,
    finished: Finished,
) -> None:
    """All processes of the worker at once, so that nobody is left who could tell the broker.

    In another database of the broker, since only one worker at a time looks for what to restore. It
    does so when it starts and then rarely, so the visibility timeout is over by then.
    """
    url = broker.url.removesuffix("/0") + "/1"
    environment = {"TEST_VISIBILITY_SECONDS": "0.1", "CELERY_BROKER_URL": url}
    doomed = make_worker("doomed", environment, concurrency=1)
    doomed.until_ready()
    operation = operations.create_asynchronous("three steps", input_data={"directory": directory})
    with app.connection(url) as connection:
        app.send_task(
            RUN_OPERATION, [operation.pk], queue="operations-default", connection=connection
        )
    until(lambda: journal.pids("gate"))

    doomed.kill()

    heir = make_worker("heir", environment, concurrency=1)
    until(lambda: len(journal.pids("gate")) == 2)
    journal.open_gate()
    assert finished(operation).result == Result.SUCCESSFUL
    assert journal.words() == ["first", "gate", "gate", "last"]
    heir.kill()


def test_an_attempt_that_stood_still_too_long_changes_nothing_any_more(
    directory: str, workers: Team, journal: Journal, finished: Finished, settings: Any
) -> None:
    settings.OPERATIONS_LEASE_SECONDS = 4
    operation = run("three steps", directory=directory)
    until(lambda: journal.pids("gate"))
    sleeper = journal.pids("gate")[0]

    os.kill(sleeper, signal.SIGSTOP)
    try:
        until(lambda: watch() and len(journal.pids("gate")) == 2)  # a worker may send it again, too
        journal.open_gate()
        assert finished(operation).result == Result.SUCCESSFUL
    finally:
        os.kill(sleeper, signal.SIGCONT)

    until(lambda: f"given up: {operation} is no longer held by" in workers.log())
    assert journal.words() == ["first", "gate", "gate", "last"]
    assert operation.output_data == operations.get(pk=operation.pk).output_data


def test_a_living_worker_keeps_its_operation_however_long_an_action_takes(
    directory: str, journal: Journal, finished: Finished
) -> None:
    operation = run("three steps", directory=directory)
    until(lambda: journal.pids("gate"))
    operation.refresh_from_db()
    before = operation.heartbeat_at

    def has_beaten() -> bool:
        operation.refresh_from_db()
        return operation.heartbeat_at != before

    until(has_beaten)
    journal.open_gate()
    finished(operation)
