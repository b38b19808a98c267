"""What a worker does when all goes well, and when a task is delivered more than once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from tests.projects.worker_actions.journal import Journal
from tests.support.celery_workers import RedisServer, Team
from tests.support.waiting import until
from tickets.config.celery import app
from token_rotation.operations.actions.registry import registry
from token_rotation.operations.errors import InputError
from token_rotation.operations.execution.run import run, run_asynchronous
from token_rotation.operations.lifecycle import Mode, Result, Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.queue.broker import send
from token_rotation.operations.queue.celery_backend import RUN_OPERATION

Finished = Callable[[BatchOperation], BatchOperation]

operations = BatchOperation.objects


@pytest.fixture
def directory(tmp_path: Path, workers: Team) -> str:
    return str(tmp_path)


def test_a_worker_runs_the_actions_in_order_and_stores_their_results(
    directory: str, journal: Journal, finished: Finished
) -> None:
    journal.open_gate()

    operation = finished(run("three steps", directory=directory))

    assert operation.result == Result.SUCCESSFUL
    assert journal.words() == ["first", "gate", "last"]
    results = [
        (result["action"], result["status"], result["value"])
        for result in operation.output_data["actions"]
    ]
    assert results == [
        ("First", "successful", {"sent": 1}),
        ("Gate", "successful", "open"),
        ("Last", "successful", None),
    ]


def test_the_size_of_the_job_chooses_the_mode(
    directory: str, journal: Journal, finished: Finished
) -> None:
    assert run("by size", directory=directory, rows=99).status == Status.FINISHED

    large = run("by size", directory=directory, rows=100)

    assert large.status == Status.UNPROCESSED
    finished(large)


def test_a_task_is_sent_when_the_transaction_is_committed(
    directory: str, broker: RedisServer, journal: Journal, finished: Finished
) -> None:
    with transaction.atomic():
        operation = run("one step", directory=directory)
        assert broker.holds() == 0

    assert finished(operation).result == Result.SUCCESSFUL


def test_a_task_is_not_sent_when_the_transaction_is_rolled_back(
    directory: str, broker: RedisServer
) -> None:
    with transaction.atomic():
        run("one step", directory=directory)
        transaction.set_rollback(True)

    assert broker.holds() == operations.count() == 0


def test_the_only_argument_of_a_task_is_the_operations_id(
    directory: str, workers: Team, journal: Journal, finished: Finished
) -> None:
    """A worker that gets the id alone has all it needs."""
    operation = operations.create_asynchronous("one step", input_data={"directory": directory})

    app.send_task(RUN_OPERATION, args=[operation.pk], queue="operations-default")

    finished(operation)


def test_a_countdown_is_waited_for(directory: str, finished: Finished) -> None:
    operation = finished(run_asynchronous("one step", directory=directory, countdown=0.4))

    assert operation.started_at is not None
    assert (operation.started_at - operation.created_at).total_seconds() > 0.3


def test_what_is_cancelled_during_its_countdown_never_starts(
    directory: str, workers: Team, broker: RedisServer, journal: Journal
) -> None:
    operation = run_asynchronous("one step", directory=directory, countdown=2)
    number = operation.pk

    operation.cancel()

    until(lambda: f"operation {number} was cancelled" in workers.log())
    assert journal.words() == []


def test_a_countdown_longer_than_the_broker_waits_is_refused(directory: str) -> None:
    with pytest.raises(InputError, match="countdown"):
        run_asynchronous("one step", directory=directory, countdown=100_000)

    assert operations.count() == 0


def test_a_task_delivered_a_hundred_times_runs_once(
    directory: str, broker: RedisServer, journal: Journal, finished: Finished
) -> None:
    operation = operations.create_asynchronous("one step", input_data={"directory": directory})

    for _ in range(100):
        send(operation, registry.get("one step"))

    finished(operation)
    until(lambda: broker.holds() == 0)
    assert journal.words() == ["first"]


def test_the_same_task_delivered_again_while_it_runs_waits_and_does_nothing(
    directory: str, workers: Team, journal: Journal, finished: Finished
) -> None:
    """As Redis does after the visibility timeout."""
    operation = operations.create_asynchronous("three steps", input_data={"directory": directory})
    for _ in range(2):
        app.send_task(
            RUN_OPERATION,
            args=[operation.pk],
            task_id=f"twin-{operation.pk}",
            queue="operations-high",
        )
    until(lambda: f"operation {operation.pk} (three steps) is held" in workers.log())

    journal.open_gate()

    assert finished(operation).result == Result.SUCCESSFUL
    assert journal.words() == ["first", "gate", "last"]


def test_the_high_queue_is_emptied_first_and_nothing_is_taken_in_advance(
    broker: RedisServer, tmp_path: Path, workers: Team, finished: Finished
) -> None:
    blocking = []
    for name in ("a", "b", "rest"):
        (tmp_path / name).mkdir()
    for name in ("a", "b"):
        blocking.append(run("three steps", directory=str(tmp_path / name)))
        until(lambda name=name: "gate" in Journal(tmp_path / name).words())
    rest = str(tmp_path / "rest")
    ordinary = [run("one step", directory=rest) for _ in range(3)]
    urgent = run("urgent", directory=rest)
    assert broker.client.hlen("unacked") == 2

    Journal(tmp_path / "a").open_gate()

    for operation in [urgent, *ordinary, blocking[0]]:
        finished(operation)
    started = sorted([urgent, *ordinary], key=lambda operation: operation.started_at)
    assert started == [urgent, *ordinary]
    Journal(tmp_path / "b").open_gate()
    finished(blocking[1])


def test_an_action_knows_that_a_worker_runs_it(directory: str, finished: Finished) -> None:
    operation = finished(run("where", directory=directory))

    assert operation.results["Where"].value is True
    assert operation.mode is Mode.ASYNCHRONOUS


def test_a_worker_takes_from_a_queue_of_ones_own(
    directory: str, journal: Journal, finished: Finished, settings: Any
) -> None:
    settings.OPERATIONS_QUEUES = {"reports": "operations-reports"}

    chosen = [
        run("one step", directory=directory, route="reports"),
        run("reports", directory=directory, rows=101),
        run("reports", directory=directory, rows=1),
    ]

    assert [finished(each).result for each in chosen] == [Result.SUCCESSFUL] * 3
    assert [each.route for each in chosen] == ["reports", "reports", ""]
