"""The rotation page hands rows to real workers, and changes their pace."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client

from tests.support.celery_workers import Team
from tests.support.leaked import CLEAR, assert_each_token_changed_once, leak, pending
from tests.support.waiting import until
from token_rotation.metrics.totals import totals_of
from token_rotation.operations.models import BatchOperation
from token_rotation.targets.discovery import find_targets

ROWS = 2_000


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
    form = {"pause_seconds": "3600", "traffic_batch_rows": "15"}
    answer = operator.post("/rotation/tickets.Ticket/start", form)
    assert answer.status_code == 302
    rotation = BatchOperation.objects.of_type("rotation").get()
    page = operator.get("/rotation/").content.decode()
    assert f"Operation {rotation.pk}: 2,000 pending rows in 1 range are with the workers." in page
    assert str(rotation.started_by) == "ann"

    until(lambda: pending(connection) < ROWS)
    (target,) = find_targets("default")
    done = until(lambda: (done := totals_of(target).done).waited_seconds and done)
    assert done.batch_seconds.cumulative()[-1] == ("+Inf", done.batches) == ("+Inf", 1)
    page = operator.get("/rotation/").content.decode()
    assert "the pace asked for: no limit to the rate, 3600 s between batches" in page
    form = {"pause_seconds": "0", "traffic_batch_rows": "0"}
    operator.post(f"/rotation/tickets.Ticket/operations/{rotation.pk}/pace", form)
    finished(rotation)
    assert rotation.output_data["outcome"] == "complete"
    assert_each_token_changed_once(connection)
