"""The objects that the application holds equal what is stored, and show no token."""

from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from tickets.models import Ticket

pytestmark = pytest.mark.django_db(transaction=True)


def assert_equals_what_is_stored(ticket: Ticket) -> None:
    stored = Ticket.objects.get(pk=ticket.pk)
    assert ticket.token == stored.token
    assert ticket.token_rotated_at == stored.token_rotated_at
    assert stored.token_rotated_at is not None


def test_create_returns_the_stored_token_and_marker() -> None:
    assert_equals_what_is_stored(Ticket.objects.create(subject="x"))


def test_create_with_a_token_of_its_own_returns_the_stored_one() -> None:
    sent = uuid4()

    ticket = Ticket.objects.create(subject="x", token=sent, token_rotated_at=None)

    assert ticket.token != sent
    assert_equals_what_is_stored(ticket)


def test_bulk_create_returns_the_stored_tokens_and_markers() -> None:
    tickets = Ticket.objects.bulk_create(
        [Ticket(subject="x"), Ticket(subject="y", token=uuid4()), Ticket(id=999, subject="z")]
    )

    assert len(tickets) == 3
    for ticket in tickets:
        assert_equals_what_is_stored(ticket)


def test_the_first_save_reads_the_stored_token_and_marker_back() -> None:
    ticket = Ticket(subject="x")
    ticket.save()

    assert_equals_what_is_stored(ticket)


def test_a_ticket_can_be_saved_again_right_after_its_creation() -> None:
    ticket = Ticket.objects.create(subject="x")
    ticket.subject = "y"
    ticket.save()

    assert_equals_what_is_stored(ticket)


def test_a_ticket_is_shown_without_its_token() -> None:
    ticket = Ticket.objects.create(subject="x")

    assert str(ticket.token) not in f"{ticket} {ticket!r}"


def test_the_models_match_their_migrations() -> None:
    call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)


@pytest.fixture
def staff(client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Client:
    # The settings fixture would read the old value back at the end, which Django forbids if empty.
    monkeypatch.setattr(django_settings._wrapped, "SECRET_KEY", "for this test only")
    monkeypatch.delitem(django_settings.__dict__, "SECRET_KEY", raising=False)
    settings.SECURE_SSL_REDIRECT = False
    settings.ALLOWED_HOSTS = ["testserver"]
    client.force_login(User.objects.create_superuser("admin"))
    return client


def test_the_admin_searches_by_subject_and_shows_no_token(staff: Client) -> None:
    wanted = Ticket.objects.create(subject="Invoice is missing")
    other = Ticket.objects.create(subject="Cannot log in")

    page = staff.get(reverse("admin:tickets_ticket_changelist"), {"q": "invoice"})

    text = page.content.decode()
    assert page.status_code == 200
    assert wanted.subject in text
    assert other.subject not in text
    assert str(wanted.token) not in text


def test_the_admin_edits_a_ticket_but_not_its_marker(staff: Client) -> None:
    ticket = Ticket.objects.create(subject="x")

    page = staff.post(
        reverse("admin:tickets_ticket_change", args=[ticket.pk]),
        {"subject": "y", "status": "closed", "token_rotated_at_0": "2000-01-01"},
    )

    stored = Ticket.objects.get(pk=ticket.pk)
    assert page.status_code == 302
    assert (stored.subject, stored.status) == ("y", "closed")
    assert_equals_what_is_stored(ticket)
