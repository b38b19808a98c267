"""Actions run in this process, and what is refused before anything runs."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from tests.support.waiting import until
from token_rotation.operations.actions.action import Action
from token_rotation.operations.actions.group import ActionGroup, Mode
from token_rotation.operations.actions.registry import registry
from token_rotation.operations.errors import (
    ActionsFailedError,
    InputError,
    StoppedError,
    UnknownGroupError,
)
from token_rotation.operations.execution.run import run, run_asynchronous, run_synchronous
from token_rotation.operations.lifecycle import Result, Status
from token_rotation.operations.models import BatchOperation

pytestmark = pytest.mark.django_db(transaction=True)

operations = BatchOperation.objects

TOKEN = str(uuid4())


class Count(Action):
    def execute(self, operation: BatchOperation) -> Any:
        return {"rows": operation.input_data["rows"]}


class UseEarlierResult(Action):
    def execute(self, operation: BatchOperation) -> Any:
        return operation.output_data["actions"][0]["value"]["rows"] * 2


class Fail(Action):
    def execute(self, operation: BatchOperation) -> Any:
        secret_local = TOKEN
        raise LookupError(f"{operation.pk} has no {secret_local}")


class BreakTheTransaction(Action):
    def execute(self, operation: BatchOperation) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO auth_group (id, name) VALUES (1, NULL)")


class WriteAndFail(Action):
    atomic = True

    def execute(self, operation: BatchOperation) -> Any:
        operations.create_asynchronous("row")
        raise LookupError


class AskToStop(Action):
    def execute(self, operation: BatchOperation) -> Any:
        operation.request_stop()


class Interrupt(Action):
    def execute(self, operation: BatchOperation) -> Any:
        raise KeyboardInterrupt


class WaitForABeat(Action):
    def execute(self, operation: BatchOperation) -> Any:
        stored = operations.filter(pk=operation.pk).values_list("heartbeat_at", flat=True)
        before = stored.get()
        until(lambda: stored.get() > before)


class ReturnAnObject(Action):
    def execute(self, operation: BatchOperation) -> Any:
        return operation


class ReturnNul(Action):
    def execute(self, operation: BatchOperation) -> Any:
        return "a\x00b"


@pytest.fixture
def group() -> Any:
    """group(Action, ...) registers a synchronous group until the end of the test; its name."""
    names: list[str] = []

    def make(*actions: type[Action], mode: Mode = Mode.SYNCHRONOUS) -> str:
        names.append(f"group {uuid4()}")
        registry.register(ActionGroup(names[-1], actions=actions, mode=mode))
        return names[-1]

    yield make
    for name in names:
        del registry._groups[name]


def test_a_synchronous_run_returns_the_finished_operation(group: Any) -> None:
    operation = run(group(Count, UseEarlierResult), rows=21)

    assert (operation.status, operation.result) == (Status.FINISHED, Result.SUCCESSFUL)
    assert operation.input_data == {"rows": 21}
    assert [result["value"] for result in operation.output_data["actions"]] == [{"rows": 21}, 42]


def test_a_failed_synchronous_run_raises_with_the_results_attached(group: Any) -> None:
    with pytest.raises(ActionsFailedError, match="failed in action 'Fail'") as raised:
        run(group(Count, Fail, Count2), rows=1)

    assert isinstance(raised.value.__cause__, LookupError)
    assert raised.value.operation.result == Result.FAILED
    assert [result["status"] for result in raised.value.results] == ["successful", "failed"]
    assert raised.value.results == operations.get().output_data["actions"]


class Count2(Count):
    """Another name: a group has each action once."""


def test_a_stored_failure_has_a_traceback_without_variables_and_tokens(group: Any) -> None:
    with pytest.raises(ActionsFailedError) as raised:
        run(group(Fail))

    error = raised.value.results[0]["error"]
    assert error["type"] == "LookupError"
    assert error["message"] == f"{raised.value.operation.pk} has no [token]"
    assert "raise LookupError" in error["traceback"]
    assert TOKEN not in str(error)


def test_a_projects_errors_are_stored_without_text_unless_it_says_how_to_hide_secrets(
    group: Any, settings: Any
) -> None:
    settings.OPERATIONS_MASK = None

    with pytest.raises(ActionsFailedError) as raised:
        run(group(Fail))

    error = raised.value.results[0]["error"]
    assert error["type"] == "LookupError"
    assert error["message"].startswith("withheld")


def test_a_synchronous_run_has_a_heartbeat_however_long_an_action_takes(
    group: Any, settings: Any
) -> None:
    settings.OPERATIONS_LEASE_SECONDS = 0.2

    assert run(group(WaitForABeat)).result == Result.SUCCESSFUL


def test_a_failure_inside_the_callers_transaction_is_stored_in_it(group: Any) -> None:
    name = group(BreakTheTransaction)

    with transaction.atomic():
        with pytest.raises(ActionsFailedError) as raised:
            run(name)
        assert isinstance(raised.value.__cause__, IntegrityError)

    assert operations.get().result == Result.FAILED


def test_what_an_atomic_action_wrote_goes_with_its_failure(group: Any) -> None:
    with pytest.raises(ActionsFailedError):
        run(group(WriteAndFail))

    assert operations.of_type("row").count() == 0


def test_a_stop_is_heard_between_two_actions(group: Any) -> None:
    with pytest.raises(ActionsFailedError) as raised:
        run(group(AskToStop, Fail))

    assert isinstance(raised.value.__cause__, StoppedError)
    assert operations.get().result == Result.FAILED


def test_an_interrupted_run_is_not_left_running(group: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(group(Interrupt))

    operation = operations.get()
    assert operation.result == Result.FAILED
    assert operation.output_data["error"]["type"] == "KeyboardInterrupt"


@pytest.mark.parametrize(
    ("action", "error"), [(ReturnAnObject, "TypeError"), (ReturnNul, "ValueError")]
)
def test_a_result_that_is_no_json_is_a_failure(
    group: Any, action: type[Action], error: str
) -> None:
    with pytest.raises(ActionsFailedError) as raised:
        run(group(action))

    assert raised.value.results[0]["error"]["type"] == error


def test_always_synchronous_runs_asynchronous_groups_here(group: Any, settings: Any) -> None:
    settings.OPERATIONS_ALWAYS_SYNCHRONOUS = True
    settings.OPERATIONS_CELERY_APP = None

    operation = run_asynchronous(group(Count, mode=Mode.ASYNCHRONOUS), rows=1, countdown=60)

    assert operation.result == Result.SUCCESSFUL


@pytest.mark.parametrize("start", [run, run_synchronous, run_asynchronous])
def test_objects_are_refused_as_arguments(group: Any, start: Any) -> None:
    operation = operations.create_synchronous("any")

    with pytest.raises(InputError, match="JSON values and ids"):
        start(group(Count), rows=operation)

    assert operations.count() == 1


@pytest.mark.parametrize("start", [run, run_synchronous, run_asynchronous])
def test_an_unknown_group_is_named_with_those_that_there_are(group: Any, start: Any) -> None:
    name = group(Count)

    with pytest.raises(UnknownGroupError, match=f"no action group is named 'x'.*{name}"):
        start("x")

    assert operations.count() == 0
