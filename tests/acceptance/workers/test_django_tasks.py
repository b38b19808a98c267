"""What Celery's workers promise, by those of Django's Tasks framework: its database, and RQ."""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.db import connection, transaction

from tests.projects.worker_actions.actions import LEAKED
from tests.projects.worker_actions.jobs import Shout
from tests.projects.worker_actions.journal import Journal
from tests.support.celery_workers import RedisServer
from tests.support.installed import installed_apps
from tests.support.leaked import CLEAR, assert_each_token_changed_once, leak
from tests.support.manage import Manage
from tests.support.task_workers import (
    APPS,
    BACKENDS,
    TaskWorker,
    Watch,
    forget_begun,
    stored_failures,
    task_settings,
    unfinished,
)
from tests.support.waiting import until
from tests.support.worker_site import NUMBERS
from tickets.models import Ticket
from token_rotation.jobs.control import Request, ask_running
from token_rotation.jobs.outcome import is_unfinished
from token_rotation.operations.actions.registry import registry
from token_rotation.operations.execution.run import run, run_asynchronous
from token_rotation.operations.lifecycle import Result, Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.queue.broker import messages_in, send

Finished = Callable[[BatchOperation], BatchOperation]

MAX_RETRIES = 2  # of tests.projects.worker_actions.settings
ROWS = 1_000


@pytest.fixture(scope="module", params=BACKENDS)
def alias(request: pytest.FixtureRequest) -> str:
    """The name of a backend."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def env(celery_env: dict[str, str], broker: RedisServer, alias: str) -> dict[str, str]:
    return {
        "DATABASE_URL": celery_env["DATABASE_URL"],
        "TEST_TASK_BACKEND": alias,
        "DJANGO_SECRET_KEY": "only for tests",  # Django 6 mails what a task raises
        "TEST_REDIS_URL": f"{broker.url.removesuffix('/0')}/{next(NUMBERS)}",
        "TEST_ATTEMPT_SECONDS": "0.3",
        "TEST_RESEND_SECONDS": "1",
    }


@pytest.fixture(scope="module")
def backend(env: dict[str, str], alias: str, django_db_blocker: Any) -> Iterator[None]:
    """This process sends to it; the table of messages is there."""
    with installed_apps(*APPS, **task_settings(alias, env["TEST_REDIS_URL"])):
        from django_tasks_db.models import DBTaskResult  # noqa: PLC0415

        with django_db_blocker.unblock(), connection.schema_editor() as editor:
            editor.create_model(DBTaskResult)
        yield
        with django_db_blocker.unblock(), connection.schema_editor() as editor:
            editor.delete_model(DBTaskResult)
    # The other backend has tasks of another class.
    sys.modules.pop("token_rotation.operations.django_task", None)


@pytest.fixture(scope="module")
def start_worker(
    env: dict[str, str], alias: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], TaskWorker]]:
    made: list[TaskWorker] = []

    def start() -> TaskWorker:
        made.append(TaskWorker(tmp_path_factory.mktemp("worker"), env, alias))
        made[-1].until_ready()
        return made[-1]

    yield start
    for worker in made:
        worker.kill()


@pytest.fixture(scope="module")
def workers(backend: None, start_worker: Callable[[], TaskWorker]) -> list[TaskWorker]:
    """The last one lives."""
    return [start_worker()]


@pytest.fixture
def worker(
    workers: list[TaskWorker], transactional_db: None, groups: None, alias: str
) -> Iterator[TaskWorker]:
    """It has nothing to do, and has nothing to do again at the test's end."""
    yield workers[-1]
    until(lambda: unfinished(alias) == 0)


@pytest.fixture
def directory(tmp_path: Path, worker: TaskWorker) -> str:
    return str(tmp_path)


@pytest.fixture
def command(manage: Manage, env: dict[str, str]) -> Callable[..., Any]:
    """command(*words) runs manage.py of the workers' project."""
    settings = {"DJANGO_SETTINGS_MODULE": TaskWorker.settings, "TEST_MAIL_DIRECTORY": "unused"}
    return partial(manage, database_url=env["DATABASE_URL"], env={**settings, **env})


@pytest.fixture
def shouting(worker: TaskWorker) -> BatchOperation:
    Ticket.objects.bulk_create([Ticket(subject=f"ticket {number}") for number in range(ROWS)])
    return run_asynchronous("Shout")


def shouts() -> set[int]:
    """How often a row was processed, all there are."""
    return {subject.count("!") for subject in Ticket.objects.values_list("subject", flat=True)}


def progress(operation: BatchOperation) -> int:
    operation.refresh_from_db()
    return operation.progress_done or 0


def test_sent_on_commit_alone_and_delivered_ten_times_it_runs_once(
    directory: str, journal: Journal, finished: Finished
) -> None:
    with transaction.atomic():
        operation = run("three steps", directory=directory)
        assert messages_in("operations-default") == 0
    for _ in range(10):
        send(operation, registry.get("three steps"))
    journal.open_gate()

    assert finished(operation).result == Result.SUCCESSFUL

    until(lambda: messages_in("operations-default") == 0)
    assert journal.words() == ["first", "gate", "last"]


def test_an_error_that_passes_is_retried_from_the_action_that_had_it(
    directory: str, journal: Journal, finished: Finished
) -> None:
    operation = finished(run("flaky", directory=directory))

    assert operation.result == Result.SUCCESSFUL
    assert journal.words() == ["first", "try", "try"]


@pytest.mark.parametrize(("group", "tries"), [("always down", MAX_RETRIES + 1), ("broken", 0)])
def test_a_failure_is_told_and_what_the_backend_stores_of_it_holds_no_token(
    group: str,
    tries: int,
    directory: str,
    worker: TaskWorker,
    journal: Journal,
    finished: Finished,
    alias: str,
) -> None:
    operation = finished(run(group, directory=directory))

    assert operation.result == Result.FAILED
    until(lambda: "signal" in journal.words())
    assert journal.words().count("try") == tries
    assert len(worker.mails_about(f"Subject: [Django] {operation} failed")) == 1
    until(lambda: "ActionsFailedError" in stored_failures(alias))
    written = [stored_failures(alias), worker.log(), *worker.mails_about("")]
    assert not any(LEAKED in text for text in written)


def test_a_killed_worker_is_replaced_when_its_lease_ends_and_each_row_is_processed_once(
    shouting: BatchOperation,
    workers: list[TaskWorker],
    start_worker: Callable[[], TaskWorker],
    env: dict[str, str],
    tmp_path: Path,
    finished: Finished,
    alias: str,
) -> None:
    until(lambda: progress(shouting) > 0)
    process = psutil.Process(int(shouting.runner.rpartition(" pid ")[2]))
    process.kill()
    process.wait(60)
    if process.pid == workers[-1].pid:
        workers.append(start_worker())

    watch = Watch(tmp_path, env)
    try:
        assert finished(shouting).result == Result.SUCCESSFUL
    finally:
        watch.kill()

    assert shouts() == {1}
    assert not is_unfinished(shouting)
    assert f"sent again: {shouting}" in watch.log()
    forget_begun(alias)


def test_stopped_in_a_worker_a_job_goes_on_by_command_and_no_second_run_begins_beside_it(
    shouting: BatchOperation, command: Callable[..., Any], finished: Finished
) -> None:
    until(lambda: progress(shouting) > 0)
    ask_running(Shout, Request.PAUSE)
    second = finished(run_asynchronous("Shout"))
    assert "runs on" in str(second.results["Shout"].error)
    BatchOperation.objects.filter(pk=shouting.pk).request_stop()
    assert is_unfinished(finished(shouting))
    assert shouts() == {0, 1}

    done = command("run_job", "Shout")

    assert done.returncode == 0, done.stderr
    assert shouts() == {1}


def test_the_job_that_the_page_starts_runs_here_and_by_command_as_well(
    worker: TaskWorker, command: Callable[..., Any], finished: Finished
) -> None:
    """By page and by Celery: tests/browser/test_jobs.py."""
    Ticket.objects.bulk_create([Ticket(subject="ticket") for _ in range(50)])
    marked = ("run_job", "Mark", "--param", "sign=?")

    sent = command(*marked, "--async")
    assert sent.returncode == 0, sent.stderr
    operation = BatchOperation.objects.of_type("Mark").get()
    assert finished(operation).result == Result.SUCCESSFUL
    assert {*Ticket.objects.values_list("subject", flat=True)} == {"ticket?"}

    done = command(*marked)
    assert done.returncode == 0, done.stderr
    assert {*Ticket.objects.values_list("subject", flat=True)} == {"ticket??"}


def test_workers_share_a_rotation(worker: TaskWorker, command: Callable[..., Any]) -> None:
    leak(connection, 2_000)
    try:
        sent = command("rotate_tokens", "--async", "--traffic-budget-ms", "0")
        assert sent.returncode == 3, sent.stderr
        until(lambda: BatchOperation.objects.of_type("rotation").get().status == Status.FINISHED)
        assert_each_token_changed_once(connection)
    finally:
        connection.cursor().execute(CLEAR)
