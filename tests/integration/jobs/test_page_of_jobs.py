"""The page of jobs: who may do what there, and that each request has the effect of one."""

import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.utils import timezone

from tests.support.waiting import until
from tickets.models import Ticket
from token_rotation.jobs.workers.hand_out import AWAITS
from token_rotation.operations.actions.group import Route
from token_rotation.operations.actions.registry import registry
from token_rotation.operations.errors import UnknownGroupError
from token_rotation.operations.lifecycle import Result, Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.watching.left_over import certain, expected, sent_by
from token_rotation.operations.watching.troubles import troubles
from token_rotation.sql.single_start import LOCK_CLASS

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/rotation/jobs/"
BEGINNING = f"{LOCK_CLASS}, hashtext('job MarkTogether')"
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def at_once(served: None, settings: Any) -> None:
    """The process that is asked does the work, too."""
    settings.OPERATIONS_ALWAYS_SYNCHRONOUS = True


@pytest.fixture
def make_client() -> Callable[..., Client]:
    """make_client(name, *permissions) returns a client of a new member of staff."""

    def make(name: str, *permissions: str, **options: Any) -> Client:
        user = User.objects.create_user(name, is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client = Client(headers=HTMX, **options)
        client.force_login(user)
        return client

    return make


@pytest.fixture
def ann(make_client: Callable[..., Client]) -> Client:
    return make_client("ann", "control_batchoperation")


@pytest.fixture
def bob(make_client: Callable[..., Client]) -> Client:
    return make_client("bob", "control_batchoperation")


@pytest.fixture
def stored(settings: Any, tmp_path: Path) -> Path:
    """Where files for workers are."""
    backend = "django.core.files.storage.FileSystemStorage"
    options = {"location": str(tmp_path)}
    of_jobs = {"token_rotation_jobs": {"BACKEND": backend, "OPTIONS": options}}
    settings.STORAGES = {**settings.STORAGES, **of_jobs}
    return tmp_path / "token_rotation_jobs"


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).replace("&#x27;", "'")


def shown(client: Client) -> str:
    response = client.get(PAGE)
    assert response.status_code == 200
    return response.content.decode()


def start(client: Client, job: str, **values: Any) -> str:
    response = client.post(f"{PAGE}{job}/start", {"run-key": str(uuid4()), **values})
    assert response.status_code == 200, response
    return words(response.content.decode())


def press(client: Client, button: str, number: int) -> str:
    response = client.post(f"{PAGE}operations/{number}/{button}")
    assert response.status_code == 200, response
    return words(response.content.decode())


def marks() -> set[int]:
    """How often a row was processed, all there are."""
    return {subject.count("!") for subject in Ticket.objects.values_list("subject", flat=True)}


def csv_file(records: int) -> SimpleUploadedFile:
    lines = "".join(f"new {number}!\n" for number in range(records))
    return SimpleUploadedFile("subjects.csv", f"subject\n{lines}".encode())


def test_who_is_not_logged_in_or_may_only_watch_starts_nothing(
    make_client: Callable[..., Client],
) -> None:
    waiting = BatchOperation.objects.create_asynchronous("MarkTogether", group_name=AWAITS)
    approve = f"{PAGE}operations/{waiting.pk}/approve"
    for path in (PAGE, f"{PAGE}Mark/start", approve):
        method = "get" if path == PAGE else "post"
        assert "/login/" in getattr(Client(), method)(path)["Location"]
    clerk = make_client("clerk")
    assert "You may only watch." in words(shown(clerk))
    assert "<button" not in shown(clerk)
    for path in (f"{PAGE}Mark/start", approve):
        assert clerk.post(path, {"sign": "!"}).status_code == 403
    waiting.refresh_from_db()
    assert (waiting.status, BatchOperation.objects.count()) == (Status.UNPROCESSED, 1)


def test_a_job_is_started_with_its_form_by_the_person_who_is_logged_in(ann: Client) -> None:
    assert "What is appended." in shown(ann)
    assert 'type="password"' not in shown(ann), "workers are given no secret"
    assert "was handed to the workers. " in start(ann, "Mark", sign="!")
    operation = BatchOperation.objects.get()
    assert (str(operation.started_by), operation.result) == ("ann", Result.SUCCESSFUL)
    assert marks() == {1}
    page = words(shown(ann))
    assert "complete" in page
    assert "30 of 30 items" in page
    assert "asked for by ann" in page


def test_the_same_form_sent_twice_starts_one_run(ann: Client) -> None:
    key = str(uuid4())
    for _ in range(2):
        assert "was handed to the workers" in start(ann, "Mark", **{"run-key": key, "sign": "!"})
    assert BatchOperation.objects.count() == 1
    assert marks() == {1}


@pytest.mark.parametrize("same_key", [True, False], ids=["one form", "two people"])
def test_of_two_that_start_at_once_one_run_begins(ann: Client, same_key: bool) -> None:  # noqa: FBT001
    key = str(uuid4())
    with connection.cursor() as cursor, ThreadPoolExecutor(2) as clicks:
        cursor.execute(f"SELECT pg_advisory_lock({BEGINNING})")
        said = [
            clicks.submit(start_apart, ann, {"run-key": key if same_key else str(uuid4())})
            for _ in range(2)
        ]
        until(lambda: cursor.execute(WAITING) or cursor.fetchone() == (2,))
        cursor.execute(f"SELECT pg_advisory_unlock({BEGINNING})")
    texts = [each.result() for each in said]
    assert BatchOperation.objects.count() == 1
    assert any("waits already" in text for text in texts) is not same_key


def start_apart(client: Client, values: dict[str, str]) -> str:
    """A POST of the same session in the calling thread."""
    apart = Client(headers=HTMX)
    apart.cookies = client.cookies
    try:
        return start(apart, "MarkTogether", sign="!", **values)
    finally:
        connection.close()  # this thread's


def test_the_open_page_gets_a_new_key_for_the_next_run(ann: Client) -> None:
    key = re.compile(r'name="run-key" value="([\w-]+)"')
    values = {"run-key": str(uuid4()), "sign": "!"}
    refused = ann.post(f"{PAGE}Mark/start", {**values, "sign": "too long"})
    assert key.findall(refused.content.decode()) == [], "the old one is as good as new"
    (fresh,) = key.findall(ann.post(f"{PAGE}Mark/start", values).content.decode())
    start(ann, "Mark", **{"run-key": fresh, "sign": "!"})
    assert BatchOperation.objects.count() == 2


def test_a_job_whose_code_fails_is_a_sentence(ann: Client) -> None:
    assert "the code of Nameless raises KeyError" in start(ann, "Nameless")
    assert not BatchOperation.objects.exists()


def test_what_the_form_refuses_starts_nothing_and_is_named(ann: Client) -> None:
    said = start(ann, "Mark", sign="much too long")
    assert "Nothing was started: Mark: sign: Ensure this value has at most 3" in said
    assert "reload the page" in start(ann, "Mark", **{"run-key": "no key", "sign": "!"})
    assert not BatchOperation.objects.exists()


def test_a_request_of_another_site_is_refused(make_client: Callable[..., Client]) -> None:
    careful = make_client("ann", "control_batchoperation", enforce_csrf_checks=True)
    assert careful.post(f"{PAGE}Mark/start", {"sign": "!"}).status_code == 403
    assert not BatchOperation.objects.exists()


def test_a_run_that_needs_approval_begins_when_another_person_approves_it(
    ann: Client, bob: Client
) -> None:
    assert "begins when another person has approved it" in start(ann, "MarkTogether", sign="!")
    operation = BatchOperation.objects.get()
    assert "awaits approval" in words(shown(ann))
    assert f"Approve operation {operation.pk}" not in shown(ann)
    assert "another person than the one who asked" in press(ann, "approve", operation.pk)
    with pytest.raises(UnknownGroupError):  # so no worker can begin it, whatever it is sent
        registry.group_of(operation)
    assert marks() == {0}

    assert f"Approve operation {operation.pk}" in shown(bob)
    assert "was approved" in press(bob, "approve", operation.pk)
    assert "awaits no approval any more" in press(bob, "approve", operation.pk)
    operation.refresh_from_db()
    assert (operation.result, marks()) == (Result.SUCCESSFUL, {1})
    page = words(shown(ann))
    assert "approved by bob" in page
    assert "asked for by ann" in page


def test_a_run_whose_asker_is_gone_is_approved_by_nobody(ann: Client, bob: Client) -> None:
    start(ann, "MarkTogether", sign="!")
    User.objects.get(username="ann").delete()
    said = press(bob, "approve", BatchOperation.objects.get().pk)
    assert "awaits no approval any more" in said
    assert marks() == {0}


def test_what_has_not_begun_is_withdrawn(ann: Client, bob: Client) -> None:
    start(ann, "MarkTogether", sign="!")
    assert "waits already" in start(bob, "MarkTogether", sign="!")
    number = BatchOperation.objects.get().pk
    assert "was withdrawn" in press(ann, "withdraw", number)
    assert not BatchOperation.objects.exists()
    assert bob.post(f"{PAGE}operations/{number}/approve").status_code == 404


def test_what_was_set_aside_is_retried_and_once(ann: Client) -> None:
    poison = Ticket.objects.create(subject="poison")
    start(ann, "Mark", sign="!")
    first = BatchOperation.objects.get()
    page = words(shown(ann))
    assert "complete, 1 item set aside" in page
    assert f"set aside: {poison.pk}" in page
    Ticket.objects.filter(pk=poison.pk).update(subject="mended")
    assert "was handed to the workers" in press(ann, "retry", first.pk)
    assert marks() == {1}
    assert f"Retry what was set aside by operation {first.pk}" not in shown(ann)
    assert "has set no item aside" in press(ann, "retry", first.pk)
    assert marks() == {1}


def test_a_stopped_run_is_gone_on_with_once_by_a_stale_page_too(ann: Client) -> None:
    stopped = BatchOperation.objects.create_synchronous(
        "Mark", input_data={"sign": "!"}, group_name="Mark"
    )
    stopped.finish()
    assert f"Go on from operation {stopped.pk}" in shown(ann)
    assert "was handed to the workers" in press(ann, "go-on", stopped.pk)
    said = press(ann, "go-on", stopped.pk)
    assert f"Nothing was started: nothing goes on from operation {stopped.pk}" in said
    assert "nothing goes on from" in press(ann, "go-on", BatchOperation.objects.latest().pk)
    assert marks() == {1}


def test_a_run_that_awaits_approval_is_neither_sent_again_nor_reported(ann: Client) -> None:
    start(ann, "MarkTogether", sign="!")
    long_ago = timezone.now() - timedelta(days=2)
    BatchOperation.objects.update(created_at=long_ago)
    assert not certain(sent_by(Route.DEFAULT)).exists()
    assert not expected(sent_by(Route.DEFAULT)).exists()
    assert not any(troubles(long_ago).values())


def test_a_running_job_is_asked_to_pause_to_go_on_and_to_stop(ann: Client) -> None:
    operation = BatchOperation.objects.create_synchronous("Mark", progress_total=30)
    assert "pauses after its batch" in press(ann, "pause", operation.pk)
    assert f"Resume operation {operation.pk}" in shown(ann)
    press(ann, "resume", operation.pk)
    assert f"Pause operation {operation.pk}" in shown(ann)
    assert "stops after its batch" in press(ann, "stop", operation.pk)
    operation.refresh_from_db()
    assert operation.stop_requested_at is not None
    operation.finish()
    assert "does not run" in press(ann, "pause", operation.pk)


def test_only_runs_of_jobs_have_buttons_and_only_those_that_there_are(ann: Client) -> None:
    other = BatchOperation.objects.create_synchronous("rotation")
    mark = BatchOperation.objects.create_synchronous("Mark")
    assert ann.post(f"{PAGE}operations/{other.pk}/stop").status_code == 404
    assert ann.post(f"{PAGE}operations/{mark.pk}/explode").status_code == 404
    assert ann.post(f"{PAGE}Explode/start").status_code == 404


def test_an_open_page_is_sent_what_has_changed(ann: Client) -> None:
    seen = re.findall(r'id="([\w-]+)" class="piece[^"]*" data-version="(\w+)"', shown(ann))
    asked = {"seen": [f"{name}:{version}" for name, version in seen]}
    assert ann.get(f"{PAGE}live", asked).status_code == 204
    BatchOperation.objects.create_synchronous("Mark")
    news = ann.get(f"{PAGE}live", asked).content.decode()
    assert "running" in words(news)
    assert news.count("hx-swap-oob") == 1


def test_a_file_is_uploaded_for_the_workers_and_deleted_when_it_is_done(
    ann: Client, stored: Path
) -> None:
    assert "was handed to the workers" in start(ann, "Import", file=csv_file(7))
    assert Ticket.objects.filter(subject__startswith="new").count() == 7
    assert list(stored.iterdir()) == []
    recorded = BatchOperation.objects.get().input_data["file"]
    assert (recorded["name"], recorded["bytes"]) == ("subjects.csv", len(csv_file(7).read()))
    assert "subjects.csv" in words(shown(ann))


def test_old_files_are_deleted_but_for_those_of_runs_that_go_on(ann: Client, stored: Path) -> None:
    stored.mkdir()
    for name in ("forgotten", "needed", "young"):
        (stored / name).touch()
        if name != "young":
            os.utime(stored / name, (0, 0))
    needed = {"file": {"stored": "token_rotation_jobs/needed", "name": "a.csv", "bytes": 0}}
    BatchOperation.objects.create_synchronous("Import", input_data=needed)
    start(ann, "Import", file=csv_file(1))
    assert {each.name for each in stored.iterdir()} == {"needed", "young"}


def test_a_file_that_is_too_large_is_neither_stored_nor_read(
    ann: Client, stored: Path, settings: Any
) -> None:
    settings.OPERATIONS_JOB_FILE_MEGABYTES = 1e-5
    assert "file is larger than 1e-05 MB" in start(ann, "Import", file=csv_file(7))
    assert not stored.exists()
    assert not BatchOperation.objects.exists()


def test_without_a_storage_the_page_names_the_setting(ann: Client) -> None:
    said = words(shown(ann))
    assert "You cannot start it here. Workers cannot read the file: name a private storage" in said
    assert "STORAGES['token_rotation_jobs']" in start(ann, "Import", file=csv_file(1))
    assert not BatchOperation.objects.exists()
