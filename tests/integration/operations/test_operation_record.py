"""The life of one operation: what each method writes, and what it refuses."""

import datetime as dt
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction

from token_rotation.operations.errors import KeyTakenError, NotRunningError, StatusChangeError
from token_rotation.operations.lifecycle import Result, Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.record import origin

pytestmark = pytest.mark.django_db(transaction=True)

operations = BatchOperation.objects


def unprocessed() -> BatchOperation:
    return operations.create_asynchronous("mail")


def running() -> BatchOperation:
    return operations.create_synchronous("mail")


def finished(*, failed: bool = False) -> BatchOperation:
    operation = running()
    operation.finish(failed=failed)
    return operation


def removed() -> BatchOperation:
    operation = unprocessed()
    operation.cancel()
    return operation


def stored(operation: BatchOperation) -> dict[str, Any]:
    return operations.filter(pk=operation.pk).values().get()


def assert_equals_what_is_stored(operation: BatchOperation) -> None:
    assert {name: getattr(operation, name) for name in stored(operation)} == stored(operation)


# Every allowed change.


def test_an_asynchronous_operation_waits() -> None:
    operation = operations.create_asynchronous("mail", input_data={"to": [1, 2]})

    assert operation.status == Status.UNPROCESSED
    assert operation.result == Result.NOT_AVAILABLE
    assert operation.created_at is not None
    assert operation.started_at is operation.finished_at is operation.heartbeat_at is None
    assert operation.input_data == {"to": [1, 2]}
    assert_equals_what_is_stored(operation)


def test_a_synchronous_operation_is_running_at_once() -> None:
    operation = operations.create_synchronous("import", progress_total=10)

    assert operation.status == Status.RUNNING
    assert operation.result == Result.NOT_AVAILABLE
    assert operation.started_at == operation.heartbeat_at is not None
    assert (operation.progress_done, operation.progress_total) == (0, 10)
    assert_equals_what_is_stored(operation)


def test_an_unprocessed_operation_is_started() -> None:
    operation = unprocessed()
    operation.mark_as_running(runner="worker 1")

    assert operation.status == Status.RUNNING
    assert operation.started_at == operation.heartbeat_at is not None
    assert operation.runner == "worker 1"
    assert_equals_what_is_stored(operation)


def test_an_unprocessed_operation_is_removed_before_it_starts() -> None:
    assert not operations.filter(pk=removed().pk).exists()


@pytest.mark.parametrize(("failed", "result"), [(False, Result.SUCCESSFUL), (True, Result.FAILED)])
def test_a_running_operation_finishes_with_a_result(*, failed: bool, result: Result) -> None:
    operation = running()
    operation.finish(failed=failed, output_data={"rows": 5})

    assert (operation.status, operation.result) == (Status.FINISHED, result)
    assert operation.output_data == {"rows": 5}
    assert operation.duration is not None
    assert_equals_what_is_stored(operation)


# Every forbidden change.


@pytest.mark.parametrize(
    ("make", "change", "before", "after"),
    [
        (unprocessed, "finish", Status.UNPROCESSED, Status.FINISHED),
        (running, "mark_as_running", Status.RUNNING, Status.RUNNING),
        (running, "cancel", Status.RUNNING, None),
        (finished, "mark_as_running", Status.FINISHED, Status.RUNNING),
        (finished, "cancel", Status.FINISHED, None),
        (removed, "mark_as_running", None, Status.RUNNING),
        (removed, "finish", None, Status.FINISHED),
    ],
)
def test_any_other_change_raises_and_writes_nothing(
    make: Callable[[], BatchOperation], change: str, before: Status | None, after: Status | None
) -> None:
    operation = make()
    rows_before = list(operations.values())

    with pytest.raises(StatusChangeError) as caught:
        getattr(operation, change)()

    assert (caught.value.before, caught.value.after) == (before, after)
    assert list(operations.values()) == rows_before


def test_a_finished_operation_cannot_change_its_result() -> None:
    operation = finished()

    with pytest.raises(StatusChangeError, match=r"\(it is successful\)"):
        operation.finish(failed=True)

    assert operation.result == Result.SUCCESSFUL


@pytest.mark.parametrize("make", [unprocessed, finished, removed])
@pytest.mark.parametrize("method", ["beat", "request_stop"])
def test_only_a_running_operation_beats_and_can_be_asked_to_stop(
    make: Callable[[], BatchOperation], method: str
) -> None:
    operation = make()

    with pytest.raises((NotRunningError, StatusChangeError)):
        getattr(operation, method)()


@pytest.mark.parametrize(
    ("make", "status"),
    [
        (unprocessed, Status.FINISHED),
        (running, Status.UNPROCESSED),
        (finished, Status.RUNNING),
        (finished, Status.UNPROCESSED),
    ],
)
def test_sql_by_hand_does_not_get_past_the_table_of_changes_either(
    make: Callable[[], BatchOperation], status: Status
) -> None:
    operation = make()

    with pytest.raises(DatabaseError, match="Invalid transition"):
        operations.filter(pk=operation.pk).update(status=status)


def test_a_stale_save_does_not_bring_an_old_status_back() -> None:
    stale = unprocessed()
    operations.get(pk=stale.pk).mark_as_running()

    with pytest.raises(DatabaseError, match="Invalid transition"):
        stale.save()


# Repeated calls, as after a COMMIT whose answer was lost.


@pytest.mark.parametrize("create", [operations.create_synchronous, operations.create_asynchronous])
def test_the_same_key_creates_one_operation(create: Callable[..., BatchOperation]) -> None:
    key = uuid4()

    assert create("mail", key=key) == create("mail", key=key)
    assert operations.count() == 1


def test_a_key_is_not_shared_by_two_types() -> None:
    key = uuid4()
    operations.create_synchronous("mail", key=key)

    with pytest.raises(KeyTakenError, match="mail"):
        operations.create_synchronous("import", key=key)


def test_the_same_runner_may_start_again() -> None:
    operation = unprocessed()
    operation.mark_as_running(runner="task 1")
    started_at = operation.started_at
    operations.get(pk=operation.pk).mark_as_running(runner="task 1")

    assert stored(operation)["started_at"] == started_at
    with pytest.raises(StatusChangeError):
        operations.get(pk=operation.pk).mark_as_running(runner="task 2")


@pytest.mark.parametrize("failed", [False, True])
def test_finishing_again_with_the_same_result_changes_nothing(*, failed: bool) -> None:
    operation = running()
    operation.finish(failed=failed, output_data=1)
    before = stored(operation)
    operations.get(pk=operation.pk).finish(failed=failed, output_data=2)

    assert stored(operation) == before


def test_cancelling_again_changes_nothing() -> None:
    removed().cancel()


def test_asking_to_stop_again_keeps_the_first_time_even_after_the_end() -> None:
    operation = running()
    operation.request_stop()
    asked_at = operation.stop_requested_at
    operation.request_stop()
    operation.finish()
    operation.request_stop()

    assert operation.stop_requested_at == asked_at is not None


# Heartbeat and progress.


def test_a_beat_writes_progress_and_tells_whether_to_stop() -> None:
    operation = running()
    first_beat_at = operation.heartbeat_at

    assert operation.beat(done=3, total=10) is False
    assert operation.heartbeat_at > first_beat_at
    operations.get(pk=operation.pk).request_stop()
    assert operation.beat() is True

    assert (operation.progress_done, operation.progress_total) == (3, 10)
    assert_equals_what_is_stored(operation)


def test_a_beat_is_one_statement(django_assert_num_queries: Any) -> None:
    operation = running()
    with django_assert_num_queries(1):
        operation.beat(done=1)


def test_a_beat_touches_no_index() -> None:
    operation = running()
    with transaction.atomic(), connection.cursor() as cursor:
        for done in range(5):
            operation.beat(done=done)
        cursor.execute(
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables"
            " WHERE relname = 'token_rotation_operation'"
        )
        updated, updated_without_index = cursor.fetchone()

    assert updated == updated_without_index == 5


def test_an_unknown_total_is_none_not_zero() -> None:
    assert running().progress_total is None


# Who.


def test_an_operation_of_a_user_names_the_user_and_survives_them() -> None:
    user = User.objects.create_user("ann")
    operation = operations.create_asynchronous("mail", started_by=user)
    assert (operation.started_by, operation.os_user, operation.host) == (user, "", "")

    user.delete()

    operation.refresh_from_db()
    assert operation.started_by is None


def test_an_operation_of_a_command_names_account_and_host() -> None:
    operation = running()

    assert operation.started_by is None
    assert (operation.os_user, operation.host) == (origin.os_user(), origin.host())


# Data and times.


def test_input_and_output_hold_what_django_can_write_as_json() -> None:
    moment = dt.datetime(2030, 1, 2, tzinfo=dt.UTC)
    key = uuid4()
    operation = operations.create_synchronous("x", input_data={"at": moment, "key": key})
    operation.finish(output_data=[moment.date()])

    assert operation.input_data == {"at": "2030-01-02T00:00:00Z", "key": str(key)}
    assert operation.output_data == ["2030-01-02"]


def test_times_are_the_databases_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = dt.datetime(1990, 1, 1, tzinfo=dt.UTC)
    monkeypatch.setattr("django.utils.timezone.now", lambda: wrong)
    operation = unprocessed()
    operation.mark_as_running()
    operation.request_stop()
    operation.beat()
    operation.finish()

    times = [value for value in stored(operation).values() if isinstance(value, dt.datetime)]
    assert len(times) == 5
    assert all(time.year > wrong.year for time in times)


def test_an_error_in_the_arguments_stores_nothing() -> None:
    with pytest.raises(TypeError):
        operations.create_synchronous("x", input_data=object())

    assert not operations.exists()
