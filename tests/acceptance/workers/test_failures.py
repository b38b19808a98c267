"""What a worker does about errors, time limits, and what it tells people."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.projects.worker_actions.actions import LEAKED
from tests.projects.worker_actions.journal import Journal
from tests.support.celery_workers import Team
from tests.support.waiting import until
from token_rotation.operations.actions.group import ActionGroup
from token_rotation.operations.actions.registry import registry
from token_rotation.operations.execution.run import run
from token_rotation.operations.lifecycle import Result
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.queue.broker import send

Finished = Callable[[BatchOperation], BatchOperation]

MAX_RETRIES = 2  # of tests.projects.worker_actions.settings


@pytest.fixture
def directory(tmp_path: Path, workers: Team) -> str:
    return str(tmp_path)


def subject(operation: BatchOperation) -> str:
    return f"{operation} failed"


def alerted(operation: BatchOperation, workers: Team, journal: Journal) -> bool:
    """Whether a mail, a line in the log and a signal have told of the failure."""
    return (
        len(workers.mails_about(subject(operation))) == 1
        and f"ERROR {operation} failed: " in workers.log()
        and journal.words().count("signal") == 1
    )


def test_the_first_action_that_fails_ends_the_run_and_people_are_told(
    directory: str, workers: Team, journal: Journal, finished: Finished
) -> None:
    operation = finished(run("broken", directory=directory))

    assert operation.result == Result.FAILED
    sent, broken = operation.output_data["actions"]
    assert (sent["status"], broken["status"]) == ("successful", "failed")
    assert broken["error"]["type"] == "ValueError"
    assert "in execute" in broken["error"]["traceback"]
    until(lambda: alerted(operation, workers, journal))


def test_a_group_that_continues_retries_each_action_and_then_runs_the_others(
    directory: str, workers: Team, journal: Journal, finished: Finished
) -> None:
    operation = finished(run("continues", directory=directory))

    assert operation.result == Result.FAILED
    assert operation.results.failed == ("AlwaysDown", "Broken")
    assert journal.words()[: MAX_RETRIES + 2] == ["try"] * (MAX_RETRIES + 1) + ["first"]
    until(lambda: alerted(operation, workers, journal))
    assert "AlwaysDown: " in workers.mails_about(subject(operation))[0]


def test_no_record_log_or_mail_of_a_failure_holds_a_token(
    directory: str, workers: Team, journal: Journal, finished: Finished
) -> None:
    operations = [finished(run(name, directory=directory)) for name in ("broken", "always down")]

    for operation in operations:
        until(lambda operation=operation: workers.mails_about(subject(operation)))
        written = [str(operation.output_data), workers.log(), *workers.mails_about("")]
        assert not any(LEAKED in text for text in written)
        assert "[token]" in written[0]


def test_an_error_that_passes_is_retried_from_the_action_that_had_it(
    directory: str, journal: Journal, finished: Finished
) -> None:
    operation = finished(run("flaky", directory=directory))

    assert operation.result == Result.SUCCESSFUL
    assert journal.words() == ["first", "try", "try"]
    assert [result["status"] for result in operation.output_data["actions"]] == ["successful"] * 2


def test_a_task_out_of_retries_finishes_its_operation_as_failed_and_people_are_told(
    directory: str, workers: Team, journal: Journal, finished: Finished
) -> None:
    operation = finished(run("always down", directory=directory))

    assert operation.result == Result.FAILED
    assert journal.words()[: MAX_RETRIES + 1] == ["try"] * (MAX_RETRIES + 1)
    assert operation.output_data["actions"][0]["error"]["type"] == "ConnectionError"
    until(lambda: alerted(operation, workers, journal))
    assert journal.words() == ["try"] * (MAX_RETRIES + 1) + ["signal"]


def test_the_soft_time_limit_finishes_the_operation_as_failed_and_reaches_celery(
    directory: str, workers: Team, journal: Journal, finished: Finished
) -> None:
    operation = finished(run("endless", directory=directory))

    assert operation.result == Result.FAILED
    (result,) = operation.output_data["actions"]
    assert result["error"]["type"] == "billiard.exceptions.SoftTimeLimitExceeded"
    until(lambda: alerted(operation, workers, journal))
    until(lambda: "raised unexpected: SoftTimeLimitExceeded" in workers.log())
    assert journal.words() == ["try", "signal"]


def test_the_hard_time_limit_finishes_what_swallows_the_soft_one(
    directory: str, workers: Team, journal: Journal, finished: Finished
) -> None:
    operation = finished(run("stubborn", directory=directory))

    assert operation.result == Result.FAILED
    assert operation.output_data["error"]["type"] == "billiard.exceptions.TimeLimitExceeded"
    until(lambda: alerted(operation, workers, journal))


def test_a_group_that_the_worker_does_not_know_fails_with_a_clear_error(
    directory: str, workers: Team, finished: Finished
) -> None:
    operation = BatchOperation.objects.create_asynchronous(
        "from the future", input_data={"directory": directory}
    )

    send(operation, ActionGroup("from the future", actions=registry.get("one step").actions))

    error = finished(operation).output_data["error"]
    assert error["type"] == "token_rotation.operations.errors.UnknownGroupError"
    assert "no action group is named 'from the future'" in error["message"]
