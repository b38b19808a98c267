"""Only where retired tokens are kept does the page tell a replaced link from one that never was."""

import logging
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client

from tickets.models import Ticket
from token_rotation.triggers.retired import keep_retired

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _served(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # The settings fixture would read the old value back at the end, which Django forbids if empty.
    monkeypatch.setattr(django_settings._wrapped, "SECRET_KEY", "for this test only")
    monkeypatch.delitem(django_settings.__dict__, "SECRET_KEY", raising=False)
    settings.SECURE_SSL_REDIRECT = False
    settings.ALLOWED_HOSTS = ["testserver"]


@pytest.fixture
def _keeping(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    triggers = keep_retired()
    monkeypatch.setattr(Ticket._meta, "triggers", [*Ticket._meta.triggers, *triggers])
    compiled = [trigger.compile(Ticket) for trigger in triggers]
    with connection.cursor() as cursor:
        for trigger in compiled:
            cursor.execute(str(trigger.install_sql))
        yield
        for trigger in compiled:
            cursor.execute(str(trigger.uninstall_sql))
        cursor.execute("TRUNCATE token_rotation_retiredtoken")


def replaced_link() -> str:
    ticket = Ticket.objects.create(subject="Invoice is missing")
    link = f"/t/{ticket.token}/"
    ticket.rotate_token()
    return link


@pytest.mark.usefixtures("_keeping")
def test_a_replaced_link_is_called_so_without_its_token_in_any_log(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    link = replaced_link()
    with caplog.at_level(logging.WARNING, logger="token_rotation"):
        page = client.get(link)
    assert page.status_code == 410
    assert "This link was replaced" in page.content.decode()
    assert page.headers["Cache-Control"] == "private, no-store"
    assert client.get(link.upper().replace("/T/", "/t/")).status_code == 410
    in_json = client.get(link, headers={"accept": "application/json"})
    assert "was replaced" in in_json.json()["error"]
    assert "that was replaced at" in caplog.records[0].getMessage()
    assert link[3:11] not in caplog.records[0].getMessage()


@pytest.mark.usefixtures("_keeping")
@pytest.mark.parametrize("token", ["12345678-1234-4234-8234-123456789abc", "nothing", "%00"])
def test_a_link_that_never_was_is_still_not_found(client: Client, token: str) -> None:
    assert client.get(f"/t/{token}/").status_code == 404


def test_without_the_option_both_get_the_same_answer(client: Client) -> None:
    replaced, never_was = client.get(replaced_link()), client.get(f"/t/{uuid4()}/")
    assert replaced.status_code == never_was.status_code == 404
    assert replaced.content == never_was.content
