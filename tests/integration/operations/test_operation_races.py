"""Real concurrency: of any number of callers one gets its way, and the others are told."""

import os
from collections.abc import Callable
from threading import Event, Thread
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, close_old_connections, connection, transaction

from tests.support.racing import at_once
from tests.support.waiting import until
from token_rotation.operations.errors import NotRunningError, StatusChangeError
from token_rotation.operations.lifecycle import Result, Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.record.queryset import BatchOperationQuerySet

pytestmark = pytest.mark.django_db(transaction=True)

operations = BatchOperation.objects


def errors_in(answers: list[object]) -> list[object]:
    return [answer for answer in answers if isinstance(answer, Exception)]


def test_of_a_hundred_workers_exactly_one_starts_an_operation() -> None:
    operation = operations.create_asynchronous("mail")

    answers = at_once(
        100,
        lambda number: operations.get(pk=operation.pk).mark_as_running(runner=f"worker {number}"),
    )

    assert len(answers) == 100
    lost = errors_in(answers)
    assert len(lost) == 99
    assert {type(error) for error in lost} == {StatusChangeError}
    operation.refresh_from_db()
    assert operation.status == Status.RUNNING


def test_of_a_hundred_callers_that_share_one_object_exactly_one_starts_it() -> None:
    operation = operations.create_asynchronous("mail")

    answers = at_once(100, lambda _: operation.mark_as_running())

    assert len(errors_in(answers)) == 99


def test_a_hundred_creations_under_one_key_are_one_operation() -> None:
    key = uuid4()

    answers = at_once(100, lambda _: operations.create_asynchronous("mail", key=key).pk)

    assert errors_in(answers) == []
    assert len(set(answers)) == operations.count() == 1


def test_either_the_cancel_or_the_start_wins() -> None:
    """Fifty rounds, so that both outcomes have a chance; each of them must be whole."""
    rounds = [operations.create_asynchronous("mail") for _ in range(50)]

    def attempt(number: int) -> str:
        operation = operations.model(pk=rounds[number // 2].pk)
        if number % 2:
            operation.cancel()
            return "cancelled"
        operation.mark_as_running()
        return "started"

    answers = at_once(100, attempt)

    assert {type(error) for error in errors_in(answers)} <= {StatusChangeError}
    assert answers.count("started") + answers.count("cancelled") == 50
    assert operations.running().count() == operations.count() == answers.count("started")


def test_of_two_results_the_first_stands() -> None:
    operation = operations.create_synchronous("mail")

    answers = at_once(
        20, lambda number: operations.get(pk=operation.pk).finish(failed=number % 2 == 0)
    )

    assert len(errors_in(answers)) == 10
    operation.refresh_from_db()
    assert operation.result in {Result.SUCCESSFUL, Result.FAILED}


def everything(operation: BatchOperation) -> BatchOperationQuerySet:
    return operations.all()


def by_key(operation: BatchOperation) -> BatchOperationQuerySet:
    return operations.filter(pk=operation.pk, status=Status.UNPROCESSED)


def across_a_join(operation: BatchOperation) -> BatchOperationQuerySet:
    return operations.filter(started_by__username="ann", status=Status.UNPROCESSED)


def latest(operation: BatchOperation) -> BatchOperationQuerySet:
    return operations.filter(status=Status.UNPROCESSED)[:5]


@pytest.mark.parametrize("chosen", [everything, by_key, across_a_join, latest])
def test_a_cancel_that_waited_for_a_start_removes_nothing(
    chosen: Callable[[BatchOperation], BatchOperationQuerySet],
) -> None:
    user = User.objects.create_user("ann")
    operation = operations.create_asynchronous("mail", started_by=user)
    removed: list[int] = []

    def cancel() -> None:
        try:
            removed.append(chosen(operation).cancel())
        finally:
            connection.close()

    canceller = Thread(target=cancel)
    with transaction.atomic():
        operation.mark_as_running()
        canceller.start()
        until(somebody_waits_for_a_lock)
    canceller.join(timeout=60)

    assert removed == [0]
    operation.refresh_from_db()
    assert operation.status == Status.RUNNING


def test_a_stop_that_waited_for_the_end_is_refused() -> None:
    operation = operations.create_synchronous("mail")
    answers: list[object] = []

    def stop() -> None:
        try:
            operations.get(pk=operation.pk).request_stop()
        except NotRunningError as error:
            answers.append(error.status)
        finally:
            connection.close()

    stopper = Thread(target=stop)
    with transaction.atomic():
        operation.finish()
        stopper.start()
        until(somebody_waits_for_a_lock)
    stopper.join(timeout=60)

    assert answers == [Status.FINISHED]


def test_beats_of_a_worker_hear_the_stop_of_another_process_in_bounded_time() -> None:
    operation = operations.create_synchronous("mail")
    heard = Event()

    def work() -> None:
        try:
            until(operations.get(pk=operation.pk).beat)
            heard.set()
        finally:
            connection.close()

    worker = Thread(target=work)
    worker.start()
    operations.of_type("mail").request_stop()
    worker.join(timeout=60)

    assert heard.is_set()


def test_a_killed_connection_costs_no_truth() -> None:
    """The work was committed, the answer lost: the caller repeats over a new connection."""
    key = uuid4()
    operation = operations.create_asynchronous("mail", key=key)
    for step in (
        lambda: operations.create_asynchronous("mail", key=key),
        lambda: operation.mark_as_running(runner="me"),
        operation.request_stop,
        lambda: operation.finish(output_data=1),
    ):
        step()
        lose_the_connection()
        with pytest.raises(OperationalError):
            step()
        close_old_connections()
        step()

    operation.refresh_from_db()
    assert operations.count() == 1
    assert (operation.status, operation.result) == (Status.FINISHED, Result.SUCCESSFUL)


def somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted"
            " AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))"
        )
        (waits,) = cursor.fetchone()
    return bool(waits)


def lose_the_connection() -> None:
    backend = connection.connection.info.backend_pid
    assert backend != os.getpid()

    def terminate() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [backend])
        connection.close()

    killer = Thread(target=terminate)
    killer.start()
    killer.join(timeout=60)
