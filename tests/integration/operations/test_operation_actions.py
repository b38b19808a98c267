"""Actions run in this process, and what is refused before anything runs."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, connection, transaction

from tests.support.waiting import until
from token_rotation.operations.actions.action import Action, action_factory
from token_rotation.operations.actions.group import ActionGroup, OperationOptions
from token_rotation.operations.actions.registry import registry
from token_rotation.operations.errors import (
    ActionError,
    ActionsFailedError,
    InputError,
    StoppedError,
    UnknownGroupError,
)
from token_rotation.operations.execution.run import run, run_asynchronous, run_synchronous
from token_rotation.operations.lifecycle import Mode, Result, Status
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

    def make(
        *actions: type[Action],
        mode: Mode = Mode.SYNCHRONOUS,
        kind: type[ActionGroup] = ActionGroup,
        **options: Any,
    ) -> str:
        names.append(f"group {uuid4()}")
        registry.register(kind(names[-1], actions=actions, mode=mode, **options))
        return names[-1]

    yield make
    for name in names:
        registry.remove(name)


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
    assert [(each.name, each.failed) for each in raised.value.results] == [
        ("Count", False),
        ("Fail", True),
    ]
    assert raised.value.results == operations.get().results


class Count2(Count):
    """Another name: a group has each action once."""


def test_a_stored_failure_has_a_traceback_without_variables_and_tokens(group: Any) -> None:
    with pytest.raises(ActionsFailedError) as raised:
        run(group(Fail))

    error = raised.value.results["Fail"].error
    assert error is not None
    assert error.type == "LookupError"
    assert error.message == f"{raised.value.operation.pk} has no [token]"
    assert "raise LookupError" in error.traceback
    assert TOKEN not in str(raised.value.operation.output_data)


def test_a_projects_errors_are_stored_without_text_unless_it_says_how_to_hide_secrets(
    group: Any, settings: Any
) -> None:
    settings.OPERATIONS_MASK = None

    with pytest.raises(ActionsFailedError) as raised:
        run(group(Fail))

    error = raised.value.results["Fail"].error
    assert error is not None
    assert error.type == "LookupError"
    assert error.message.startswith("withheld")


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

    (result,) = raised.value.results
    assert result.error is not None
    assert result.error.type == error


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


def test_a_group_that_continues_runs_the_other_actions_and_says_which_failed(group: Any) -> None:
    again = action_factory(Fail, "FailAgain")

    with pytest.raises(ActionsFailedError, match="in action 'Fail' and 'FailAgain'") as raised:
        run(group(Fail, Count, again, continue_after_failure=True), rows=1)

    assert isinstance(raised.value.__cause__, LookupError)
    operation = operations.get()
    assert operation.result == Result.FAILED
    assert operation.results.failed == ("Fail", "FailAgain")
    assert operation.results["Count"].value == {"rows": 1}


def test_inside_a_transaction_too_the_others_run_after_a_failure_in_sql(group: Any) -> None:
    with transaction.atomic(), pytest.raises(ActionsFailedError):
        run(group(BreakTheTransaction, Count, continue_after_failure=True), rows=1)

    assert operations.get().results["Count"].value == {"rows": 1}


class Explain(Action):
    def execute(self, operation: BatchOperation) -> Any:
        data = {"missing": [3, f"row of {TOKEN}"], f"seen {TOKEN}": None}
        raise ActionError(data, f"3 rows are missing, one of {TOKEN}")


def test_an_errors_data_are_stored_with_it_and_hold_no_token(group: Any) -> None:
    with pytest.raises(ActionsFailedError) as raised:
        run(group(Explain))

    error = raised.value.results["Explain"].error
    assert error is not None
    assert error.data == {"missing": [3, "row of [token]"], "seen [token]": None}
    assert error.message == "3 rows are missing, one of [token]"
    assert TOKEN not in str(operations.get().output_data)


@pytest.mark.parametrize("data", [object(), float("nan"), "a\x00b", "x" * 20_000])
def test_data_that_cannot_be_stored_are_withheld(group: Any, data: object) -> None:
    class Wrong(Action):
        def execute(self, operation: BatchOperation) -> Any:
            raise ActionError(data, "said")

    with pytest.raises(ActionsFailedError) as raised:
        run(group(Wrong))

    error = raised.value.results["Wrong"].error
    assert error is not None
    assert (error.message, error.data[:8]) == ("said", "withheld")


class SayWhere(Action):
    def execute(self, operation: BatchOperation) -> Any:
        self.logger.warning("at work")
        return self.is_in_worker


def test_an_action_knows_that_its_caller_runs_it_and_has_a_logger(
    group: Any, caplog: pytest.LogCaptureFixture
) -> None:
    operation = run(group(SayWhere))

    assert operation.results["SayWhere"].value is False
    assert [(each.name, each.message) for each in caplog.records] == [
        (f"{__name__}.SayWhere", "at work")
    ]
    assert operation.mode is Mode.SYNCHRONOUS


class OfAnotherType(ActionGroup):
    def get_options(self, options: OperationOptions) -> OperationOptions:
        rows = (options.input_data or {})["rows"]
        found = get_user_model().objects.get(pk=rows)
        return replace(
            options, operation_type="count", context_object=found, input_data={"rows": rows + 1}
        )


def test_a_group_decides_what_is_stored_of_a_run(group: Any) -> None:
    user = get_user_model().objects.create_user("somebody")
    name = group(Count, kind=OfAnotherType)

    operation = run(name, rows=user.pk)

    assert (operation.operation_type, operation.group_name) == ("count", name)
    assert operation.context_object == user
    assert operation.results["Count"].value == {"rows": user.pk + 1}


def test_a_type_is_the_groups_name_and_none_is_needed_for_a_record_alone(group: Any) -> None:
    name = group(Count)
    operation = run(name, rows=1)

    assert (operation.operation_type, operation.group_name) == (name, name)
    assert operations.create_synchronous().operation_type == "untyped"


def test_an_unknown_alias_of_a_queue_is_refused_before_anything_is_stored(
    group: Any, settings: Any
) -> None:
    settings.OPERATIONS_QUEUES = {"reports": "operations-reports"}
    name = group(Count, mode=Mode.ASYNCHRONOUS)

    with pytest.raises(InputError, match="alias 'report'; known: default, high, reports"):
        run(name, route="report", rows=1)

    assert operations.count() == 0
