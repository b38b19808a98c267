"""The rotation page: what it says in every state, and to whom."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.support.driver import sql
from tests.support.leaked import leak
from token_rotation.errors import UnknownTargetError, WithdrawnError
from token_rotation.operations.models import BatchOperation
from token_rotation.page import commands, look, views
from token_rotation.page.look import looks
from token_rotation.page.targets import shown_targets
from token_rotation.postgres import opening, sessions
from token_rotation.postgres.reading import reading
from token_rotation.reporting.report import Report, make_report
from token_rotation.selection.target import Target

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 40
LABEL = "tickets.Ticket"
HTMX = {"HX-Request": "true"}
CLIENT_NAMES = (
    "SELECT application_name FROM pg_stat_activity"
    " WHERE datname = current_database() AND backend_type = 'client backend'"
)
CLEAR = """
DROP TABLE IF EXISTS leaked, token_change;
DROP FUNCTION IF EXISTS note_token_change CASCADE;
"""


@pytest.fixture(autouse=True)
def served(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # The settings fixture would read the old value back at the end, which Django forbids if empty.
    monkeypatch.setattr(django_settings._wrapped, "SECRET_KEY", "for this test only")
    monkeypatch.delitem(django_settings.__dict__, "SECRET_KEY", raising=False)
    settings.SECURE_SSL_REDIRECT = False
    settings.ALLOWED_HOSTS = ["testserver"]
    forget()
    yield
    forget()
    with connection.cursor() as cursor:
        cursor.execute(CLEAR)


def forget() -> None:
    for target in shown_targets():
        looks.forget(target)


@pytest.fixture
def leaked(transactional_db: None) -> None:
    leak(connection, ROWS)


@pytest.fixture
def make_client() -> Callable[..., Client]:
    """make_client(*permissions) returns a client of a new member of staff."""

    def make(*permissions: str, **options: Any) -> Client:
        user = User.objects.create_user(f"clerk{User.objects.count()}", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client = Client(**options)
        client.force_login(user)
        return client

    return make


@pytest.fixture
def watcher(make_client: Callable[..., Client]) -> Client:
    return make_client()


@pytest.fixture
def operator(make_client: Callable[..., Client]) -> Client:
    return make_client("control_batchoperation")


def text(client: Client) -> str:
    """The page as people read it."""
    response = client.get("/rotation/")
    assert response.status_code == 200
    return words(response.content.decode())


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).replace("&#x27;", "'")


def running(**input_data: Any) -> BatchOperation:
    return BatchOperation.objects.create_synchronous(
        "rotation", input_data={"model": LABEL, "options": {}, **input_data}, progress_total=ROWS
    )


def button(name: str, operation: BatchOperation, *, value: str) -> str:
    """The beginning of the button that pauses or resumes."""
    return f'id="{name}-tickets-ticket-{operation.pk}" name="paused" value="{value}"'


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def url(action: str, operation: BatchOperation | None = None) -> str:
    number = [] if operation is None else [operation.pk]
    return reverse(f"token_rotation:{action}", args=[LABEL, *number])


# Who.


def test_nobody_but_staff_sees_anything(client: Client, leaked: None) -> None:
    customer = Client()
    customer.force_login(User.objects.create_user("customer"))
    for visitor in (client, customer):
        for path in ("/rotation/", "/rotation/live"):
            response = visitor.get(path)
            assert (response.status_code, response.content) == (302, b"")
            assert response["Location"] == "/admin/login/?next=/rotation/"
        for action in ("stop", "pace"):
            assert visitor.post(url(action, running())).status_code == 302
        assert visitor.post(url("start")).status_code == 302
    assert not BatchOperation.objects.filter(stop_requested_at__isnull=False).exists()


def test_an_open_page_whose_session_has_ended_leads_to_the_log_in(client: Client) -> None:
    response = client.get("/rotation/live", headers=HTMX)
    assert response["HX-Refresh"] == "true"


def test_without_the_permission_there_are_no_buttons_and_a_post_is_refused(
    watcher: Client, leaked: None
) -> None:
    operation = running()
    page = watcher.get("/rotation/").content.decode()
    assert "<button" not in page
    assert "The buttons need the permission" in page
    for path in (url("start"), url("stop", operation), url("pace", operation)):
        assert watcher.post(path, {"pause_seconds": "1"}).status_code == 403
    operation.refresh_from_db()
    assert (operation.stop_requested_at, operation.control_data) == (None, None)


def test_every_button_needs_the_csrf_token(make_client: Callable[..., Client]) -> None:
    operator = make_client("control_batchoperation", enforce_csrf_checks=True)
    operation = running()
    for path in (url("start"), url("stop", operation), url("pace", operation)):
        assert operator.post(path, {"pause_seconds": "1"}).status_code == 403
    operation.refresh_from_db()
    assert (operation.stop_requested_at, operation.control_data) == (None, None)


def test_buttons_are_for_posts(operator: Client) -> None:
    operation = running()
    for path in (url("start"), url("stop", operation), url("pace", operation)):
        assert operator.get(path).status_code == 405


def test_the_page_is_kept_by_nobody(watcher: Client) -> None:
    for path in ("/rotation/", "/rotation/live"):
        assert "no-store" in watcher.get(path)["Cache-Control"]


# What it says.


def test_a_table_without_rows(watcher: Client) -> None:
    page = text(watcher)
    assert "Nothing to rotate – % rotated The table tickets_ticket has no rows." in page
    assert "No rotation of this table has been recorded yet." in page
    assert "No rotation ran in the last ten minutes." in page


def test_the_records_are_read_once_for_a_page(watcher: Client, leaked: None) -> None:
    """And not a second time for the database's clock, which a look at the table needs."""
    running()
    with CaptureQueriesContext(connection) as captured:
        text(watcher)
    records = [each["sql"] for each in captured if "token_rotation_operation" in each["sql"]]
    assert len(records) == 2, records  # the last ones, and the running ones


def test_before_the_first_rotation(operator: Client, leaked: None) -> None:
    page = text(operator)
    assert "Rows are pending" in page
    assert "No rotation of this table has been started yet." in page
    assert "Rotated 0 of 40" in page
    assert "Pending 40" in page
    assert "Rate – rows/s" in page
    assert "Left – at that rate" in page
    assert "Waiting for –" in page
    assert "Start the rotation" in page
    assert "Without workers, type in a terminal: python manage.py rotate_tokens" in page


def test_while_it_rotates_it_shows_what_the_command_shows(operator: Client, leaked: None) -> None:
    operation = running(options={"max_rows_per_second": 50})
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE token_rotation_operation SET heartbeat_at = clock_timestamp() + interval '1 s',"
            " recent_progress = jsonb_build_array(jsonb_build_array("
            " extract(epoch FROM clock_timestamp()) - 9, 0)), progress_done = 10"
        )
    page = text(operator)
    assert "Rotating" in page
    assert f"operation {operation.pk}: rotated 10 of 40 (25.00 %), 1 rows/s, 0:00:30 left" in page
    assert "Rate 1 rows/s over 30 s" in page
    assert "Waiting for the pace asked for: at most 50 rows/s" in page
    assert f"Stop operation {operation.pk}" in page
    assert "Start the rotation" not in page
    assert "The same as a table" in page


def test_rows_rotated_before_a_look_and_said_after_it_are_taken_off_once(
    watcher: Client, leaked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look, "SHORTEST_REST_SECONDS", 60)
    operation = running()
    execute(
        "UPDATE token_rotation_operation SET recent_progress = jsonb_build_array(jsonb_build_array("
        "extract(epoch FROM clock_timestamp()) - 60, 0))"
    )
    execute(
        "UPDATE tickets_ticket SET token = gen_random_uuid(), token_rotated_at = clock_timestamp()"
        " WHERE id <= 30"
    )
    assert "Rotated 30 of 40 Pending 10" in text(watcher)
    operation.beat(30)
    assert "Rotated 30 of 40 Pending 10" in text(watcher)


@pytest.mark.parametrize(
    ("live", "said"),
    [
        ({"waiting_for": "replica lag 4.2 s"}, "Waiting for replica lag 4.2 s"),
        (
            {"waiting_for": None, "giving_way_because": "probe +4 ms of 5", "batch_rows": 15},
            "Waiting for nothing; giving way to traffic: probe +4 ms of 5; batches of 15 rows",
        ),
        ({"waiting_for": None, "giving_way_because": ""}, "Waiting for nothing"),
    ],
)
def test_it_says_what_the_rotation_waits_for(
    watcher: Client, leaked: None, live: dict[str, Any], said: str
) -> None:
    running().beat(1, live=live)
    assert said in text(watcher)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"pause_seconds": 60.0}, "the pace asked for: no limit to the rate, 60 s between batches"),
        ({"pause_seconds": 0.0}, "nothing"),
    ],
)
def test_a_pause_is_something_to_wait_for(
    watcher: Client, leaked: None, options: dict[str, Any], said: str
) -> None:
    running(options=options).beat(1, live={"waiting_for": None})
    assert f"Waiting for {said}" in text(watcher)


def test_of_a_distributed_rotation_without_workers_it_says_so(
    watcher: Client, leaked: None
) -> None:
    operation = running(distributed=True)
    BatchOperation.objects.create_asynchronous("rotation.range", context_object=operation)
    page = text(watcher)
    assert "Waiting for a worker to take a range" in page
    assert "0 ranges at work, 1 waiting" in page


def test_a_rotation_that_was_asked_to_stop_is_stopping(operator: Client, leaked: None) -> None:
    operation = running()
    operation.request_stop()
    page = text(operator)
    assert "Stopping" in page
    assert f"Operation {operation.pk} stops after its current batch." in page
    assert f"Stop operation {operation.pk}" not in page


def test_a_killed_rotation_is_told_apart_from_a_running_one(operator: Client, leaked: None) -> None:
    operation = running()
    execute("UPDATE token_rotation_operation SET heartbeat_at = now() - interval '65 minutes'")
    page = text(operator)
    assert f"Operation {operation.pk} has sent no heartbeat for 1:05:0" in page
    assert "Its rotated rows are safe. Start a rotation to continue." in page
    assert "Start the rotation" in page


def test_when_nothing_is_pending_it_is_complete(operator: Client, leaked: None) -> None:
    execute(
        "UPDATE tickets_ticket SET token = gen_random_uuid(), token_rotated_at = clock_timestamp()"
    )
    killed = running()
    execute("UPDATE token_rotation_operation SET heartbeat_at = now() - interval '65 minutes'")
    page = text(operator)
    assert "Complete 100.00 % rotated" in page
    assert f"operation {killed.pk}: rotated" not in page
    assert "no leaked token opens anything" in page
    assert "You cannot start a rotation now. Nothing is pending." in page


def test_a_broken_guard_is_named_with_the_command_that_mends_it(
    operator: Client, leaked: None
) -> None:
    execute("ALTER TABLE tickets_ticket DISABLE TRIGGER USER")
    try:
        page = text(operator)
    finally:
        execute("ALTER TABLE tickets_ticket ENABLE TRIGGER USER")
    assert "The guard is not whole" in page
    assert "Run: python manage.py pgtrigger enable" in page
    assert "Repair the guard first." in page
    assert "Start the rotation" not in page


def test_a_guard_of_a_later_release_is_neither_called_broken_nor_to_be_repaired(
    operator: Client, leaked: None
) -> None:
    (target,) = shown_targets()
    function = f"ALTER FUNCTION {target.guard_triggers[0].name}()"
    execute(f"{function} SET work_mem = '4MB'")
    execute("INSERT INTO django_migrations (app, name, applied) VALUES ('tickets', 'x', now())")
    try:
        page = text(operator)
    finally:
        execute(f"{function} RESET work_mem; DELETE FROM django_migrations WHERE name = 'x'")
    assert "The guard is of a later release" in page
    assert "This code cannot judge it." in page
    assert "Start it in the later release." in page
    assert "not whole" not in page
    assert "Repair" not in page
    assert "A leaked token could come back" not in page


def test_a_table_that_is_not_migrated_is_named_with_the_command_that_migrates(
    operator: Client, leaked: None
) -> None:
    execute("ALTER TABLE tickets_ticket RENAME COLUMN token_rotated_at TO gone")
    try:
        page = text(operator)
    finally:
        execute("ALTER TABLE tickets_ticket RENAME COLUMN gone TO token_rotated_at")
    assert "Not ready – % rotated" in page
    assert "has no column token_rotated_at yet. Run: python manage.py migrate" in page
    assert "Rotated – of –" in page


def test_records_that_cannot_be_read_hide_nothing_else(operator: Client, leaked: None) -> None:
    execute("ALTER TABLE token_rotation_operation RENAME TO elsewhere")
    try:
        page = text(operator)
    finally:
        execute("ALTER TABLE elsewhere RENAME TO token_rotation_operation")
    assert "The records cannot be read" in page
    assert "Pending 40" in page


def test_where_no_model_has_a_token_it_says_so(
    watcher: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "shown_targets", lambda: ())
    assert "There is nothing to rotate here" in text(watcher)


def test_a_target_that_cannot_be_found_is_explained(
    watcher: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise UnknownTargetError("make_tokens of its guard names no function")

    monkeypatch.setattr(views, "shown_targets", broken)
    assert "make_tokens of its guard names no function." in text(watcher)


def test_the_last_operations_are_listed_with_their_outcome(watcher: Client, leaked: None) -> None:
    done, failed, older = running(), running(), running()
    done.finish(output_data={"outcome": "rows_locked", "rotated_rows": 1234, "seconds": 61})
    why = {"type": "Error", "message": "gave up after 60 s"}
    failed.finish(failed=True, output_data={"outcome": "error", "error": why})
    older.finish(failed=True, output_data={"outcome": "error", "error": "a sentence"})
    page = text(watcher)
    assert re.search(rf"{done.pk} [\d-]+ [\d:]+ \S+ rows locked 1,234 0:01:01", page)
    assert re.search(rf"{failed.pk} [\d-]+ [\d:]+ \S+ error gave up after 60 s 0 –", page)
    assert re.search(rf"{older.pk} [\d-]+ [\d:]+ \S+ error a sentence 0 –", page)


# Live.


def test_only_what_has_changed_is_sent_again(watcher: Client, leaked: None) -> None:
    first = watcher.get("/rotation/live", headers=HTMX).content.decode()
    seen = re.findall(r'<div id="([\w-]+)" class="piece[^"]*" data-version="(\w+)"', first)
    assert len(seen) == 5
    known = {"seen": [f"{piece}:{version}" for piece, version in seen]}
    again = watcher.get("/rotation/live", known, headers=HTMX)
    assert (again.status_code, again.content) == (204, b"")
    running().request_stop()
    changed = watcher.get("/rotation/live", known, headers=HTMX).content.decode()
    assert "Stopping" in changed
    assert 'id="condition-' not in changed


def test_watching_does_not_look_like_traffic_to_the_rotation(
    watcher: Client, leaked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where connections are kept for the next request."""
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 60)
    seen: list[list[str]] = []

    def look(target: Target) -> Report:
        with reading(target.database) as onlooker:
            names = onlooker.rows(sql.SQL(CLIENT_NAMES))  # autovacuum has none
            seen.append([name for (name,) in names])
        return make_report(target, exact=False)

    monkeypatch.setattr(looks, "_look", look)
    connection.close()
    assert watcher.get("/rotation/live").status_code == 200
    assert connection.connection is None
    assert len(seen) == 1
    assert "rotate_tokens" in seen[0]
    assert set(seen[0]) <= {opening.APPLICATION_NAME, sessions.APPLICATION_NAME}  # no traffic


# Buttons.


def test_stop_asks_that_rotation_and_no_other(operator: Client, leaked: None) -> None:
    first, second = running(), running()
    answer = operator.post(url("stop", first), headers=HTMX).content.decode()
    assert f"Operation {first.pk} stops after its current batch." in answer
    first.refresh_from_db()
    second.refresh_from_db()
    assert first.stop_requested_at is not None
    assert second.stop_requested_at is None


def test_stopping_a_distributed_rotation_that_no_worker_is_at_ends_it(
    operator: Client, leaked: None
) -> None:
    options = {"database": "default", "distributed": True}
    operation = running(**options)
    part = BatchOperation.objects.create_asynchronous(
        "rotation.range",
        context_object=operation,
        input_data={"rotation": operation.pk, "round": 0, "after": None, "upper": None},
    )
    operator.post(url("stop", operation), headers=HTMX)
    assert not BatchOperation.objects.filter(pk=part.pk).exists()
    operation.refresh_from_db()
    assert (operation.status, operation.output_data["outcome"]) == ("finished", "stopped")


def test_a_rotation_that_has_ended_meanwhile_is_left_alone(operator: Client) -> None:
    operation = running()
    operation.finish(output_data={"outcome": "complete"})
    for action in ("stop", "pace"):
        answer = operator.post(url(action, operation), {"pause_seconds": "1"}, headers=HTMX)
        assert f"Operation {operation.pk} has ended meanwhile" in answer.content.decode()


def test_the_pace_is_left_for_the_rotation_with_what_was_not_sent_as_it_was(
    operator: Client, leaked: None
) -> None:
    operation = running(options={"max_rows_per_second": 50, "traffic_budget_ms": 7})
    form = {"pause_seconds": "0.5", "max_rows_per_second": ""}
    answer = operator.post(url("pace", operation), form, headers=HTMX)
    said = "no limit to the rate, 0.5 s between batches, traffic slower by at most 7 ms"
    assert said in answer.content.decode()
    operation.refresh_from_db()
    assert operation.control_data == {
        "pace": {
            "pause_seconds": 0.5,
            "max_rows_per_second": None,
            "traffic_budget_ms": 7,
            "paused": False,
        }
    }


def test_a_rotation_is_paused_and_resumed_with_a_button_at_the_pace_that_it_had(
    operator: Client, leaked: None
) -> None:
    operation = running(options={"max_rows_per_second": 50, "traffic_budget_ms": 7})
    pace = {"pause_seconds": 0.0, "max_rows_per_second": 50, "traffic_budget_ms": 7}
    page = operator.get("/rotation/").content.decode()
    assert button("pause-now", operation, value="true") in page
    assert 'id="resume-' not in page
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))

    answer = operator.post(url("pace", operation), {"paused": "true"}, headers=HTMX)
    assert f"Operation {operation.pk} pauses after its current batch." in answer.content.decode()
    operation.refresh_from_db()
    assert operation.control_data == {"pace": {**pace, "paused": True}}
    page = operator.get("/rotation/").content.decode()
    assert button("resume", operation, value="false") in page
    assert 'id="pause-now-' not in page
    assert "it is paused; nothing is rotated" in words(page)

    form = {"pause_seconds": "0.5"}
    answer = operator.post(url("pace", operation), form, headers=HTMX)
    operation.refresh_from_db()
    assert operation.control_data["pace"]["paused"], "another pace does not resume it"

    answer = operator.post(url("pace", operation), {"paused": "false"}, headers=HTMX)
    assert f"Operation {operation.pk} goes on with" in answer.content.decode()
    operation.refresh_from_db()
    assert operation.control_data == {"pace": {**pace, "pause_seconds": 0.5, "paused": False}}


def test_without_the_right_to_control_nobody_pauses(
    make_client: Callable[..., Client], leaked: None
) -> None:
    operation, onlooker = running(), make_client()
    assert "Pause operation" not in text(onlooker)
    assert onlooker.post(url("pace", operation), {"paused": "true"}).status_code == 403
    operation.refresh_from_db()
    assert operation.control_data is None


@pytest.mark.parametrize(
    "form",
    [
        {"pause_seconds": "-1"},
        {"pause_seconds": "nan"},
        {"pause_seconds": "3601"},
        {"max_rows_per_second": "0"},
        {"max_rows_per_second": "1.5"},
        {"traffic_budget_ms": ""},
        {"traffic_budget_ms": "-1"},
        {"traffic_budget_ms": "nan"},
        {"traffic_budget_ms": "60001"},
    ],
)
def test_what_is_no_pace_is_refused_in_words(
    operator: Client, leaked: None, form: dict[str, str]
) -> None:
    operation = running()
    answer = operator.post(url("pace", operation), form, headers=HTMX).content.decode()
    assert "Nothing was changed." in answer
    operation.refresh_from_db()
    assert operation.control_data is None


def test_without_scripts_a_button_leads_back_to_the_page_and_says_what_came_of_it(
    operator: Client, leaked: None
) -> None:
    operation = running()
    answer = operator.post(url("stop", operation))
    assert (answer.status_code, answer["Location"]) == (302, "/rotation/")
    assert f"Operation {operation.pk} stops after its current batch." in text(operator)


def test_without_a_broker_start_gives_the_command_to_type(
    operator: Client, leaked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tickets.config.celery import app  # noqa: PLC0415  (after Django was set up)

    nobody = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(app.conf, "broker_url", nobody)
    monkeypatch.setattr(app.conf, "broker_write_url", nobody)
    answer = operator.post(url("start"), {"pause_seconds": "0"}, headers=HTMX).content.decode()
    assert "Nothing was started: the Celery broker" in answer
    assert "in a terminal: python manage.py rotate_tokens" in answer
    assert not BatchOperation.objects.exists()


def test_an_unknown_model_has_no_buttons(operator: Client) -> None:
    assert operator.post("/rotation/auth.User/start").status_code == 404


def test_a_broker_that_is_lost_while_ranges_are_handed_out_is_not_called_nothing_started(
    operator: Client, leaked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def withdrawn(*_: Any, **__: Any) -> None:
        raise WithdrawnError("The broker was lost, while operation 7 was handed out")

    monkeypatch.setattr(commands, "ensure_dispatchable", lambda _: None)
    monkeypatch.setattr(commands, "ensure_worker", lambda: None)
    monkeypatch.setattr(commands, "dispatch", withdrawn)
    said = words(operator.post(url("start"), headers=HTMX).content.decode())
    assert "Nothing was started" not in said
    assert "operation 7 was handed out. Its workers stop; what they have rotated is safe." in said
