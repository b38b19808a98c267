"""A job in a worker goes on attempt after attempt, whoever dies, and processes each row once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.contrib.auth.models import User

from tests.projects.worker_actions.jobs import Import, Shout
from tests.support.celery_workers import RedisServer, Worker
from tests.support.waiting import until
from tickets.models import Ticket, owner_notice
from token_rotation import rotate_rows
from token_rotation.jobs.control import Request, ask_as_sentence, ask_running
from token_rotation.jobs.errors import LostShareError
from token_rotation.jobs.outcome import is_unfinished
from token_rotation.jobs.run import run_job
from token_rotation.jobs.workers.hand_out import hand_out
from token_rotation.jobs.workers.share_out import share_out
from token_rotation.operations.execution.run import run_asynchronous
from token_rotation.operations.lifecycle import Result
from token_rotation.operations.models import BatchOperation
from token_rotation.owners.counts import count_owners
from token_rotation.owners.job import job_of
from token_rotation.stop import StopSignal

ROWS = 2_000
NOT_BEGUN = "that no worker had begun."
MAIL = {
    "SITE_URL": "https://tickets.example",
    "EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend",
}


@pytest.fixture(scope="module")
def files(session_directory: Path) -> Path:
    """Where this process and the worker store the files of jobs."""
    return session_directory / "files-of-jobs"


@pytest.fixture(scope="module")
def worker(make_worker: Callable[..., Worker], files: Path) -> Worker:
    env = {"TEST_ATTEMPT_SECONDS": "0.3", "TEST_JOB_FILES": str(files), **MAIL}
    made = make_worker("of-jobs", env, concurrency=1)
    made.until_ready()
    return made


@pytest.fixture
def few_rows(transactional_db: None, groups: None) -> None:
    Ticket.objects.bulk_create([Ticket(subject=f"ticket {number}") for number in range(ROWS)])


@pytest.fixture
def shouting(worker: Worker, broker: RedisServer, few_rows: None) -> Iterator[BatchOperation]:
    yield run_asynchronous("Shout")
    until(lambda: broker.holds() == 0)


def shouts() -> set[int]:
    """How often a row was processed, all there are."""
    return {subject.count("!") for subject in Ticket.objects.values_list("subject", flat=True)}


@contextmanager
def suspended(worker: Worker) -> Iterator[None]:
    """The worker and its pool take nothing while inside."""
    main = psutil.Process(worker.pid)
    processes = [main, *main.children()]
    for each in processes:
        each.suspend()
    try:
        yield
    finally:
        for each in processes:
            each.resume()


def progress(operation: BatchOperation) -> int:
    operation.refresh_from_db()
    return operation.progress_done or 0


def test_killed_between_and_within_attempts_each_row_is_processed_once(
    worker: Worker, shouting: BatchOperation, finished: Callable[[Any], Any]
) -> None:
    for _ in range(2):
        before = progress(shouting)
        until(lambda before=before: progress(shouting) > before)
        for child in psutil.Process(worker.pid).children():
            child.kill()
    assert finished(shouting).result == Result.SUCCESSFUL
    assert shouts() == {1}
    assert worker.log().count("received") > 3, "one attempt did not do"
    assert not is_unfinished(shouting)


def test_two_workers_share_the_rows_out_and_the_last_one_ends_the_job(
    worker: Worker, broker: RedisServer, finished: Callable[[Any], Any], few_rows: None
) -> None:
    first, second = share_out(Shout, {}, workers=2)
    for child in psutil.Process(worker.pid).children():
        child.kill()
    totals = [finished(each).progress_total for each in (first, second)]
    assert totals == [ROWS // 2, ROWS // 2]
    assert shouts() == {1}
    (ended,) = User.objects.all()
    assert ended.username.startswith(f"{ROWS} shouted"), "after_complete, of all and once"
    until(lambda: broker.holds() == 0)


def test_shares_that_another_run_took_over_are_refused(
    worker: Worker, finished: Callable[[Any], Any], few_rows: None, broker: RedisServer
) -> None:
    with suspended(worker):
        shares = share_out(Shout, {}, workers=2)
        assert run_job("Shout", stop=StopSignal()).is_complete
    for share in shares:
        assert "went on with what" in str(finished(share).results["Shout"].error)
    assert shouts() == {1}
    until(lambda: broker.holds() == 0)


def test_a_stop_ends_what_waits_for_a_worker_and_loses_none_of_its_rows(
    worker: Worker, finished: Callable[[Any], Any], few_rows: None, broker: RedisServer
) -> None:
    with suspended(worker):
        alone = hand_out(Shout, {})
        assert ask_as_sentence(Shout, Request.STOP) == f"Withdrew 1 run of Shout {NOT_BEGUN}"
        assert not BatchOperation.objects.filter(pk=alone.pk).exists()

    shares = share_out(Shout, {}, workers=2)  # the worker takes one at a time
    until(lambda: any(progress(each) for each in shares))
    assert ask_as_sentence(Shout, Request.STOP) == (
        f"Asked 1 run of Shout to stop after the batch. Withdrew 1 run of Shout {NOT_BEGUN}"
    )
    for each in shares:
        finished(each)
    assert shouts() == {0, 1}
    assert not User.objects.exists(), "after_complete was not called"

    assert run_job("Shout", stop=StopSignal()).is_complete
    assert shouts() == {1}
    until(lambda: broker.holds() == 0)


def test_rows_of_a_share_whose_record_is_gone_are_not_taken_for_done(
    worker: Worker, finished: Callable[[Any], Any], few_rows: None, broker: RedisServer
) -> None:
    with suspended(worker):
        gone, share = share_out(Shout, {}, workers=2)
        BatchOperation.objects.filter(pk=gone.pk).delete()
    assert finished(share).result == Result.SUCCESSFUL
    assert shouts() == {0, 1}
    assert not User.objects.exists(), "after_complete was not called"

    with pytest.raises(LostShareError, match="which items are left"):
        run_job("Shout", stop=StopSignal())
    assert run_job("Shout", stop=StopSignal(), restart=True).is_complete
    until(lambda: broker.holds() == 0)


def test_a_stop_ends_it_and_the_next_run_goes_on_where_it_was(
    shouting: BatchOperation, finished: Callable[[Any], Any]
) -> None:
    until(lambda: progress(shouting) > 0)
    BatchOperation.objects.filter(pk=shouting.pk).request_stop()
    assert is_unfinished(finished(shouting))
    assert shouts() == {0, 1}
    assert not is_unfinished(finished(run_asynchronous("Shout")))
    assert shouts() == {1}


def test_a_second_run_beside_it_is_refused(
    shouting: BatchOperation, finished: Callable[[Any], Any]
) -> None:
    until(lambda: progress(shouting) > 0)
    ask_running(Shout, Request.PAUSE)
    second = finished(run_asynchronous("Shout"))
    assert second.result == Result.FAILED
    assert "runs on" in str(second.results["Shout"].error)
    ask_running(Shout, Request.RESUME)
    assert finished(shouting).result == Result.SUCCESSFUL
    assert shouts() == {1}


def test_a_file_is_handed_to_the_worker_and_kept_until_the_job_is_complete(
    worker: Worker,
    files: Path,
    broker: RedisServer,
    transactional_db: None,
    groups: None,
    settings: Any,
    tmp_path: Path,
    finished: Callable[[Any], Any],
) -> None:
    backend = "django.core.files.storage.FileSystemStorage"
    of_jobs = {"BACKEND": backend, "OPTIONS": {"location": str(files)}}
    settings.STORAGES = {**settings.STORAGES, "token_rotation_jobs": of_jobs}
    file = tmp_path / "subjects.csv"
    file.write_text("subject\n" + "".join(f"new {number}\n" for number in range(ROWS)))
    operation = hand_out(Import, {"file": str(file)})
    file.unlink()
    until(lambda: progress(operation) > 0)
    ask_running(Import, Request.STOP)
    assert is_unfinished(finished(operation))
    assert [each.is_file() for each in files.glob("*/*")] == [True]
    finished(hand_out(Import, operation.input_data))
    assert set(Ticket.objects.values_list("subject", flat=True)) == {
        f"new {number}" for number in range(ROWS)
    }
    assert list(files.glob("*/*")) == []
    until(lambda: broker.holds() == 0)


def test_workers_tell_owners(
    worker: Worker, broker: RedisServer, finished: Callable[[Any], Any], few_rows: None
) -> None:
    Ticket.objects.update(requester_email="requester@example.org")
    assert count_owners(owner_notice, "default").told == ROWS, "they are new"
    rotate_rows(Ticket.objects.all())
    assert count_owners(owner_notice, "default").to_tell == ROWS
    for each in share_out(job_of(owner_notice), {}, workers=2):
        assert finished(each).result == Result.SUCCESSFUL
    assert count_owners(owner_notice, "default").told == ROWS
    until(lambda: broker.holds() == 0)
