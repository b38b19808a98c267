"""Two people rewrite one message: neither undoes the other unseen."""

import re
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.support.racing import at_once
from tickets.errors import MessageChangedError
from tickets.models import Message, Ticket

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def message() -> Message:
    ticket = Ticket.objects.create(subject="x")
    return Message.objects.create(ticket=ticket, body="my password is hunter2, my PIN is 1234")


def test_a_message_is_rewritten_and_can_be_rewritten_again(message: Message) -> None:
    message.rewrite("once")
    message.rewrite("twice")

    stored = Message.objects.get()
    assert (stored.body, stored.version) == (message.body, message.version) == ("twice", 3)


def test_of_fifty_rewritings_of_the_same_text_exactly_one_is_stored(message: Message) -> None:
    def rewrite(number: int) -> str:
        seen = Message(pk=message.pk, version=message.version)
        seen.rewrite(f"text {number}")
        return seen.body

    answers = at_once(50, rewrite)

    stored = Message.objects.get()
    assert [type(answer) for answer in answers].count(MessageChangedError) == 49
    assert stored.body in answers
    assert stored.version == 2


def test_a_message_that_is_gone_cannot_be_rewritten(message: Message) -> None:
    Message.objects.all().delete()

    with pytest.raises(MessageChangedError) as error:
        message.rewrite("y")

    assert "hunter2" not in str(error.value)


@pytest.fixture
def staff(client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Client:
    # The settings fixture would read the old value back at the end, which Django forbids if empty.
    monkeypatch.setattr(django_settings._wrapped, "SECRET_KEY", "for this test only")
    monkeypatch.delitem(django_settings.__dict__, "SECRET_KEY", raising=False)
    settings.SECURE_SSL_REDIRECT = False
    settings.ALLOWED_HOSTS = ["testserver"]
    client.force_login(User.objects.create_superuser("admin"))
    return client


def page_of(message: Message) -> str:
    return reverse("admin:tickets_message_change", args=[message.pk])


def seen_version(staff: Client, message: Message) -> str:
    page = staff.get(page_of(message)).content.decode()
    found = re.search(r'name="seen_version" value="(\d+)"', page)
    assert found
    return found[1]


def test_the_admin_rewrites_a_message(staff: Client, message: Message) -> None:
    form = {"body": "my password is [removed]", "seen_version": seen_version(staff, message)}

    page = staff.post(page_of(message), form)

    stored = Message.objects.get()
    assert page.status_code == 302
    assert (stored.body, stored.version) == ("my password is [removed]", 2)


def test_a_stale_form_does_not_bring_removed_words_back(staff: Client, message: Message) -> None:
    ann, bob = seen_version(staff, message), seen_version(staff, message)
    staff.post(page_of(message), {"body": "password gone, PIN is 1234", "seen_version": ann})

    form = {"body": "my password is hunter2, PIN gone", "seen_version": bob}
    page = staff.post(page_of(message), form, follow=True)

    text = page.content.decode()
    assert Message.objects.get().body == "password gone, PIN is 1234"
    assert "Not saved" in text
    assert "password gone, PIN is 1234" in text
    assert 'name="seen_version" value="2"' in text


def found(staff: Client, words: str) -> list[int]:
    page = staff.get(reverse("admin:tickets_message_changelist"), {"q": words})
    return [each.pk for each in page.context["cl"].result_list]


def test_a_message_is_found_by_its_words_until_they_are_blacked_out(staff: Client) -> None:
    ticket = Ticket.objects.create(subject="help")
    message = Message.objects.create(ticket=ticket, body="My password is Hunter2, thanks")
    Message.objects.create(ticket=ticket, body="x" * 3_000 + " none")
    assert found(staff, "hunter2 password") == [message.pk]
    assert found(staff, "hunter") == []
    message.rewrite("My password is ***, thanks")
    assert found(staff, "hunter2") == []
    assert found(staff, "thanks") == [message.pk]
