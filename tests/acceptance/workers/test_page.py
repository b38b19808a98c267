"""The rotation page hands rows to real workers, and changes their pace."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client

from tests.support.celery_workers import Team
from tests.support.leaked import CLEAR, assert_each_token_changed_once, leak, pending
from tests.support.waiting import until
from token_rotation.distributed.dispatch import dispatch
from token_rotation.metrics.totals import totals_of
from token_rotation.operations.models import BatchOperation
from token_rotation.page import commands
from token_rotation.targets.discovery import find_targets

ROWS = 2_000
WAITING_FOR_A_START = (
    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"
)


@pytest.fixture
def operator(workers: Team, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    # The settings fixture would read the old value back at the end, which Django forbids if empty.
    monkeypatch.setattr(django_settings._wrapped, "SECRET_KEY", "for this test only")
    monkeypatch.delitem(django_settings.__dict__, "SECRET_KEY", raising=False)
    settings.SECURE_SSL_REDIRECT = False
    settings.ALLOWED_HOSTS = ["testserver"]
    user = User.objects.create_user("ann", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="control_batchoperation"))
    client = Client()
    client.force_login(user)
    leak(connection, ROWS)
    yield client
    with connection.cursor() as cursor:
        cursor.execute(CLEAR)


def test_a_rotation_started_from_the_page_is_done_by_workers_at_the_pace_that_is_asked_for(
    operator: Client, finished: Callable[[Any], Any]
) -> None:
    form = {"pause_seconds": "3600", "traffic_budget_ms": "5"}
    answer = operator.post("/rotation/tickets.Ticket/start", form)
    assert answer.status_code == 302
    page = operator.get("/rotation/").content.decode()
    assert ": 2,000 pending rows in 1 range; workers rotate them." in page
    rotation = BatchOperation.objects.of_type("rotation").get()
    assert f"Operation {rotation.pk}: 2,000 pending rows" in page
    assert str(rotation.started_by) == "ann"

    until(lambda: pending(connection) < ROWS)
    (target,) = find_targets("default")
    done = until(lambda: (done := totals_of(target).done).waited_seconds and done)
    assert done.batch_seconds.cumulative()[-1] == ("+Inf", done.batches) == ("+Inf", 1)
    page = operator.get("/rotation/").content.decode()
    assert "the pace asked for: no limit to the rate, 3600 s between batches" in page
    form = {"pause_seconds": "0", "traffic_budget_ms": "0"}
    operator.post(f"/rotation/tickets.Ticket/operations/{rotation.pk}/pace", form)
    finished(rotation)
    assert rotation.output_data["outcome"] == "complete"
    assert_each_token_changed_once(connection)


def test_a_double_click_on_start_starts_one_rotation(
    operator: Client, monkeypatch: pytest.MonkeyPatch, finished: Callable[[Any], Any]
) -> None:
    """The first request lingers where its record is made until the second one is as far."""
    starts: list[Any] = []

    def dispatch_once_both_are_there(*args: Any, **kwargs: Any) -> Any:
        starts.append(args)
        until(lambda: len(starts) == 2 or waits_for_a_start())
        return dispatch(*args, **kwargs)

    monkeypatch.setattr(commands, "dispatch", dispatch_once_both_are_there)
    with ThreadPoolExecutor(2) as clicks:
        answers = list(clicks.map(press_start, [operator, operator]))

    started, refused = sorted(answers, key=lambda answer: "at work already" in answer)
    assert ": 2,000 pending rows in 1 range; workers rotate" in started
    rotation = BatchOperation.objects.of_type("rotation").get()
    assert f"Operation {rotation.pk}: 2,000 pending rows in 1 range; workers rotate" in started
    assert f"Operation {rotation.pk} is at work already; no other was started." in refused
    finished(rotation)
    assert_each_token_changed_once(connection)


def waits_for_a_start() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(WAITING_FOR_A_START)
        return bool(cursor.fetchone()[0])


def press_start(operator: Client) -> str:
    """A POST of the same session in the calling thread; what it answers."""
    client = Client(headers={"HX-Request": "true"})
    client.cookies = operator.cookies
    form = {"pause_seconds": "0", "traffic_budget_ms": "0"}
    try:
        return client.post("/rotation/tickets.Ticket/start", form).content.decode()
    finally:
        connection.close()  # this thread's
