"""People with the right to change tickets rotate some of them in the admin, and are asked first."""

from typing import Any
from uuid import uuid4

import pgtrigger
import pytest
from django.conf import settings as django_settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from tickets.models import Ticket
from token_rotation import admin as module

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "admin:tickets_ticket_changelist"
CHANGE = "admin:tickets_ticket_change"
ROTATE = "admin:tickets_ticket_rotate_token"


@pytest.fixture
def site(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Client:
    # The settings fixture would read the old value back at the end, which Django forbids if empty.
    monkeypatch.setattr(django_settings._wrapped, "SECRET_KEY", "for this test only")
    monkeypatch.delitem(django_settings.__dict__, "SECRET_KEY", raising=False)
    settings.SECURE_SSL_REDIRECT = False
    settings.ALLOWED_HOSTS = ["testserver"]
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def staff(site: Client) -> Client:
    """One who may see and change tickets, and nothing else."""
    person = User.objects.create_user("ann", is_staff=True)
    for right in ("view_ticket", "change_ticket"):
        person.user_permissions.add(Permission.objects.get(codename=right))
    site.force_login(person)
    return site


@pytest.fixture
def reader(site: Client) -> Client:
    person = User.objects.create_user("bob", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="view_ticket"))
    site.force_login(person)
    return site


@pytest.fixture
def tickets() -> list[Ticket]:
    with pgtrigger.ignore("tickets.Ticket:guard_insert"):
        return [
            Ticket.objects.create(subject=f"Ticket {n}", token=uuid4(), token_rotated_at=None)
            for n in range(3)
        ]


def rotated(tickets: list[Ticket]) -> list[bool]:
    stored = dict(Ticket.objects.values_list("pk", "token"))
    return [stored[ticket.pk] != ticket.token for ticket in tickets]


def shown(answer: Any) -> str:
    assert answer.status_code == 200
    return str(answer.content.decode())


def post(client: Client, url: str, **fields: Any) -> Any:
    """As a browser does that has shown the page before."""
    client.get(url)
    token = client.cookies["csrftoken"].value
    return client.post(url, {**fields, "csrfmiddlewaretoken": token}, follow=True)


def test_the_action_asks_first_and_then_rotates_the_chosen_tickets(
    staff: Client, tickets: list[Ticket]
) -> None:
    chosen = {"action": "rotate_tokens", "_selected_action": [tickets[0].pk, tickets[2].pk]}
    question = shown(post(staff, reverse(LIST), **chosen, index=0))
    assert "Rotate the tokens of 2 tickets?" in question
    assert rotated(tickets) == [False, False, False]

    done = shown(post(staff, reverse(LIST), **chosen, index=0, confirmed="yes"))
    assert "Rotated the tokens of 2 tickets." in done
    assert rotated(tickets) == [True, False, True]
    assert Ticket.objects.filter(token_rotated_at=None).count() == 1
    entries = LogEntry.objects.values_list("object_id", "change_message")
    assert set(entries) == {(str(tickets[n].pk), "Rotated the token.") for n in (0, 2)}


def test_all_that_the_list_shows_can_be_chosen(staff: Client, tickets: list[Ticket]) -> None:
    url = f"{reverse(LIST)}?q=Ticket"
    fields = {
        "action": "rotate_tokens",
        "_selected_action": [tickets[0].pk],
        "select_across": 1,
        "index": 0,
    }
    question = shown(post(staff, url, **fields))
    assert "Rotate the tokens of 3 tickets?" in question
    assert '<input type="hidden" name="select_across" value="1">' in question
    assert "Rotated the tokens of 3 tickets." in shown(post(staff, url, **fields, confirmed="yes"))
    assert rotated(tickets) == [True, True, True]


def test_more_than_a_batch_is_left_to_the_command(
    staff: Client, tickets: list[Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROWS_AT_MOST", 2)
    chosen = {"action": "rotate_tokens", "_selected_action": [one.pk for one in tickets]}
    said = shown(post(staff, reverse(LIST), **chosen, index=0, confirmed="yes"))
    assert "are selected. Nothing was changed. Run: python manage.py rotate_tokens" in said
    assert rotated(tickets) == [False, False, False]


def test_the_button_asks_first_and_then_rotates_one_ticket(
    staff: Client, tickets: list[Ticket]
) -> None:
    url = reverse(ROTATE, args=[tickets[1].pk])
    assert f'href="{url}"' in shown(staff.get(reverse(CHANGE, args=[tickets[1].pk])))
    assert "Rotate the tokens of 1 ticket: Ticket 1?" in shown(staff.get(url))
    assert rotated(tickets) == [False, False, False]

    done = post(staff, url)
    assert done.redirect_chain == [(reverse(CHANGE, args=[tickets[1].pk]), 302)]
    assert "Rotated the tokens of 1 ticket." in shown(done)
    assert rotated(tickets) == [False, True, False]
    assert LogEntry.objects.get().object_id == str(tickets[1].pk)


def test_no_page_shows_a_token_old_or_new(staff: Client, tickets: list[Ticket]) -> None:
    pages = [
        shown(staff.get(reverse(ROTATE, args=[tickets[0].pk]))),
        shown(post(staff, reverse(ROTATE, args=[tickets[0].pk]))),
    ]
    tokens = [tickets[0].token, Ticket.objects.get(pk=tickets[0].pk).token]
    kept = str(list(LogEntry.objects.values()))
    assert not any(str(token) in page for token in tokens for page in [*pages, kept])


@pytest.mark.parametrize("editable", [False, True])
def test_no_form_shows_a_token_or_takes_one(
    staff: Client, tickets: list[Ticket], monkeypatch: pytest.MonkeyPatch, *, editable: bool
) -> None:
    """Also of a model whose token is an editable field."""
    monkeypatch.setattr(Ticket._meta.get_field("token"), "editable", editable)
    person = User.objects.get(username="ann")
    person.user_permissions.add(Permission.objects.get(codename="add_ticket"))
    typed, (ticket, *_) = uuid4(), tickets
    for url in (reverse("admin:tickets_ticket_add"), reverse(CHANGE, args=[ticket.pk])):
        page = shown(staff.get(url))
        assert 'name="subject"' in page
        assert 'name="token"' not in page
        assert str(ticket.token) not in page
        fields = {"subject": "Typed", "status": "open", "token": str(typed)}
        assert shown(post(staff, url, **fields))
    stored = dict(Ticket.objects.filter(subject="Typed").values_list("pk", "token"))
    assert len(stored) == 2
    assert stored[ticket.pk] == ticket.token
    assert typed not in stored.values()


def test_without_the_right_to_change_tickets_there_is_no_way(
    reader: Client, tickets: list[Ticket]
) -> None:
    url = reverse(ROTATE, args=[tickets[0].pk])
    assert url not in shown(reader.get(reverse(CHANGE, args=[tickets[0].pk])))
    assert "rotate_tokens" not in shown(reader.get(reverse(LIST)))
    assert reader.get(url).status_code == 403
    reader.get(reverse(CHANGE, args=[tickets[0].pk]))
    chosen = {"action": "rotate_tokens", "_selected_action": [tickets[0].pk], "confirmed": "yes"}
    for target, fields in ((url, {}), (reverse(LIST), {**chosen, "index": 0})):
        reader.post(target, fields, headers={"X-CSRFToken": reader.cookies["csrftoken"].value})
    assert rotated(tickets) == [False, False, False]


def test_a_post_without_the_csrf_token_does_nothing(staff: Client, tickets: list[Ticket]) -> None:
    assert staff.post(reverse(ROTATE, args=[tickets[0].pk])).status_code == 403
    assert rotated(tickets) == [False, False, False]


def test_strangers_are_sent_to_log_in(site: Client, tickets: list[Ticket]) -> None:
    answer = site.get(reverse(ROTATE, args=[tickets[0].pk]))
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(reverse("admin:login"))


def test_a_ticket_that_is_gone_is_not_found(staff: Client) -> None:
    assert staff.get(reverse(ROTATE, args=[12345])).status_code == 404


def test_a_rotation_that_something_undoes_is_said_so_and_not_logged(
    staff: Client, tickets: list[Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    def undone(_: Any) -> int:
        raise module.RotationError("rows keep their tokens")

    monkeypatch.setattr(module, "rotate_rows", undone)
    assert "Rows keep their tokens." in shown(post(staff, reverse(ROTATE, args=[tickets[0].pk])))
    assert not LogEntry.objects.exists()
