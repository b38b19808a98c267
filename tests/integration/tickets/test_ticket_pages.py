"""Whoever holds a ticket's link may read and change it; nobody learns anything from other links."""

import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now
from django.db.models.signals import pre_save
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tickets.models import Ticket
from token_rotation.models import RetiredToken
from token_rotation.retired.kept import digest

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("served")]

JSON = "application/json"
ANSWER_IN_JSON = {"accept": JSON}
SECRET_HEADERS = {
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}
ANY_UUID = re.compile("[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}")
CSRF = "OnlyForThisTest" + "0" * 17


@pytest.fixture
def ticket() -> Ticket:
    return Ticket.objects.create(subject="Invoice is missing")


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    return client


@pytest.fixture
def browser() -> Client:
    """A client for which CSRF checks are on, and which has been given the cookie."""
    browser = Client(enforce_csrf_checks=True)
    browser.cookies["csrftoken"] = CSRF
    return browser


def url(ticket: Ticket) -> str:
    return f"/t/{ticket.token}/"


def rotate(ticket: Ticket) -> None:
    """Rotate its token in the database, as the rotation does, past the object in hand."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE tickets_ticket SET token = gen_random_uuid(),"
            " token_rotated_at = clock_timestamp() WHERE id = %s",
            [ticket.pk],
        )


@pytest.fixture
def before_saving() -> Iterator[Callable[[Callable[[], None]], None]]:
    """before_saving(do) runs ``do`` when a ticket has been loaded and is about to be saved."""
    receivers: list[Any] = []

    def register(do: Callable[[], None]) -> None:
        receivers.append(lambda **_: do())
        pre_save.connect(receivers[-1], sender=Ticket)

    yield register
    for receiver in receivers:
        pre_save.disconnect(receiver, sender=Ticket)


def test_the_link_shows_the_ticket(client: Client, ticket: Ticket) -> None:
    page = client.get(url(ticket))
    text = page.content.decode()

    assert page.status_code == 200
    assert page["Content-Type"].startswith("text/html")
    assert "Invoice is missing" in text
    assert str(ticket.token) not in text
    assert "http" not in text  # nothing comes from elsewhere


def test_the_link_shows_the_ticket_as_json_to_those_who_accept_json(
    client: Client, ticket: Ticket
) -> None:
    page = client.get(url(ticket), headers=ANSWER_IN_JSON)

    assert page.status_code == 200
    assert page.json()["subject"] == "Invoice is missing"
    assert page.json()["status"] == "open"
    assert str(ticket.token) not in page.content.decode()
    assert "Accept" in page["Vary"]


@pytest.mark.parametrize("accept", ["text/html", JSON])
def test_every_link_that_opens_nothing_gets_the_same_answer_after_the_same_look_up(
    client: Client, ticket: Ticket, accept: str
) -> None:
    rotate(ticket)
    valid = Ticket.objects.get(pk=ticket.pk).token
    deleted = Ticket.objects.create(subject="Spam")
    no_longer = [str(ticket.token), str(deleted.token)]
    deleted.delete()
    for token in no_longer:  # their hashes, from a time when the option was on
        RetiredToken.objects.create(hash=digest(token), source="x", retired_at=Now())
    malformed = [
        *("x", "a/b", "%00", "%F0%9F%8E%AB", "t" * 5000, f"{valid}/", f"{valid}x", valid.hex),
        *(f"{{{valid}}}", f"urn:uuid:{valid}", f" {valid}", f"{valid}"[:-1]),
    ]
    answers, work = set(), set()
    client.get(f"/t/{uuid4()}/")  # the first failure in a while also sweeps old counts away
    for token in [str(uuid4()), *no_longer, *malformed]:
        with CaptureQueriesContext(connection) as queries:
            page = client.get(f"/t/{token}/", headers={"accept": accept})
        answers.add((page.status_code, page.content, str(page.headers)))
        work.add(tuple(ANY_UUID.sub("[token]", query["sql"]) for query in queries))
    assert len(answers) == 1
    assert len(work) == 1
    ((look_up, count),) = work
    assert 'WHERE "tickets_ticket"."token" = \'[token]\'::uuid' in look_up
    assert "lookup_limit_failurecount" in count
    ((status, *_),) = answers
    assert status == 404
    client.logout()
    assert client.get(f"/t/{valid}/").status_code == 200
    assert client.get(f"/t/{valid}").status_code == 200


def test_a_page_that_does_not_exist_has_the_words_of_a_ticket_that_does_not(
    client: Client,
) -> None:
    link = client.get(f"/t/{uuid4()}/")
    assert client.get("/nowhere/").content == link.content
    words = client.get(f"/t/{uuid4()}/", headers=ANSWER_IN_JSON).json()["error"]
    assert words in link.content.decode()


def test_every_answer_to_a_link_is_to_be_kept_nowhere(
    client: Client, ticket: Ticket, settings: Any
) -> None:
    strict = Client(enforce_csrf_checks=True)
    answers = [
        client.get(url(ticket)),
        client.get(url(ticket), headers=ANSWER_IN_JSON),
        client.head(url(ticket)),
        client.post(url(ticket), {"status": "closed"}),
        client.post(url(ticket), {"status": "nonsense"}),
        client.post(url(ticket), "{", content_type=JSON),
        client.delete(url(ticket)),
        strict.post(url(ticket), {"status": "closed"}),
        client.get(f"/t/{uuid4()}/"),
    ]
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE tickets_ticket RENAME TO hidden")
    client.raise_request_exception = False
    try:
        answers.append(client.get(url(ticket)))
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE hidden RENAME TO tickets_ticket")
    settings.SECURE_SSL_REDIRECT = True
    answers.append(Client().get(url(ticket)))
    codes = [200, 200, 200, 302, 400, 400, 405, 403, 404, 500, 301]
    assert [page.status_code for page in answers] == codes
    for page in answers:
        assert {name: page[name] for name in SECRET_HEADERS} == SECRET_HEADERS


@pytest.mark.parametrize(
    "change", [{"status": "closed"}, {"subject": "Paid"}, {"subject": "Paid", "status": "closed"}]
)
@pytest.mark.parametrize("content_type", [None, JSON])
def test_a_post_changes_what_it_names_and_nothing_else(
    client: Client, ticket: Ticket, change: dict[str, str], content_type: str | None
) -> None:
    kind = {} if content_type is None else {"content_type": content_type}
    page = client.post(url(ticket), change, headers=ANSWER_IN_JSON, **kind)

    stored = Ticket.objects.get(pk=ticket.pk)
    assert page.status_code == 200
    assert (stored.token, stored.token_rotated_at) == (ticket.token, ticket.token_rotated_at)
    expected = {"subject": "Invoice is missing", "status": "open", **change}
    assert {"subject": stored.subject, "status": stored.status} == expected
    assert {name: page.json()[name] for name in expected} == expected


def test_a_form_leads_back_to_the_ticket(client: Client, ticket: Ticket) -> None:
    page = client.post(url(ticket), {"subject": "Paid", "status": "closed"}, follow=True)

    assert page.redirect_chain == [(url(ticket), 302)]
    assert "Paid" in page.content.decode()


def test_a_token_rotated_between_load_and_save_stays_rotated_and_the_change_is_kept(
    client: Client, ticket: Ticket, before_saving: Any
) -> None:
    before_saving(lambda: rotate(ticket))
    with CaptureQueriesContext(connection) as queries:
        page = client.post(url(ticket), {"status": "closed"}, headers=ANSWER_IN_JSON)

    update = next(each["sql"] for each in queries if each["sql"].startswith("UPDATE"))
    stored = Ticket.objects.get(pk=ticket.pk)
    assert page.status_code == 200
    assert '"token" = ' in queries[-1]["sql"]  # the save wrote the whole row, the old token too
    assert "gen_random_uuid" in update
    assert stored.status == "closed"
    assert stored.token != ticket.token
    assert client.get(url(ticket)).status_code == 404


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("{", "not JSON"),
        ("\udcff".encode("utf-8", "surrogateescape"), "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"subject": "\\ud800"}', "not JSON"),
        (f'{{"subject": "{"x" * 3_000_000}"}}', "too large"),
        ("[]", "not a JSON object of strings"),
        ('{"status": 1}', "not a JSON object of strings"),
        ("{}", "Nothing to change"),
        ('{"token": "x"}', "Nothing to change"),
        ('{"status": "lost"}', "lost is not one of the available choices"),
        ('{"subject": ""}', "This field is required"),
        ('{"subject": "\\u0000"}', "Null characters"),
        (f'{{"subject": "{"x" * 201}"}}', "at most 200 characters"),
    ],
)
def test_bad_input_is_refused_with_a_reason_and_changes_nothing(
    client: Client, ticket: Ticket, body: str | bytes, complaint: str
) -> None:
    page = client.post(url(ticket), body, content_type=JSON, headers=ANSWER_IN_JSON)

    stored = Ticket.objects.get(pk=ticket.pk)
    assert page.status_code == 400
    assert complaint in page.content.decode()
    assert (stored.subject, stored.status) == ("Invoice is missing", "open")


def test_a_form_with_a_mistake_is_shown_again_with_the_reason(
    client: Client, ticket: Ticket
) -> None:
    page = client.post(url(ticket), {"subject": "", "status": "closed"})

    assert page.status_code == 400
    assert "This field is required" in page.content.decode()


FORGERIES: list[dict[str, str]] = [
    {"origin": "https://elsewhere.example"},
    {"origin": "null"},  # a sandbox, a data: URL
    {"origin": "null", "sec-fetch-site": "cross-site"},
    {"origin": "null", "sec-fetch-site": "same-site"},
    {"referer": "https://elsewhere.example/"},
    {},
]


@pytest.mark.parametrize("headers", FORGERIES)
def test_a_form_from_another_site_is_refused(
    browser: Client, ticket: Ticket, headers: dict[str, str]
) -> None:
    form = {"status": "closed", "csrfmiddlewaretoken": CSRF}
    page = browser.post(url(ticket), form, headers=headers, secure=True)

    assert page.status_code == 403
    assert Ticket.objects.get(pk=ticket.pk).status == "open"


@pytest.mark.parametrize("sent", [{}, {"csrfmiddlewaretoken": "x" * 32}])
def test_a_form_without_its_csrf_token_is_refused(
    browser: Client, ticket: Ticket, sent: dict[str, str]
) -> None:
    headers = {"origin": "null", "sec-fetch-site": "same-origin"}
    page = browser.post(url(ticket), {"status": "closed", **sent}, headers=headers, secure=True)

    assert page.status_code == 403
    assert Ticket.objects.get(pk=ticket.pk).status == "open"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "null", "sec-fetch-site": "same-origin"},  # what no-referrer makes browsers send
        {"origin": "https://testserver"},
    ],
)
def test_the_form_works_in_a_browser_that_sends_no_referer(
    browser: Client, ticket: Ticket, headers: dict[str, str]
) -> None:
    assert 'name="csrfmiddlewaretoken"' in browser.get(url(ticket), secure=True).content.decode()

    form = {"status": "closed", "csrfmiddlewaretoken": CSRF}
    page = browser.post(url(ticket), form, headers=headers, secure=True)

    assert page.status_code == 302
    assert Ticket.objects.get(pk=ticket.pk).status == "closed"


def test_a_program_needs_no_csrf_token(browser: Client, ticket: Ticket) -> None:
    page = browser.post(url(ticket), {"status": "closed"}, content_type=JSON)

    assert page.status_code == 302
    assert Ticket.objects.get(pk=ticket.pk).status == "closed"


def test_staff_get_the_link_of_a_new_ticket_from_what_is_stored(staff: Client) -> None:
    page = staff.post("/tickets/", {"subject": "x", "token": str(uuid4())}, headers=ANSWER_IN_JSON)

    stored = Ticket.objects.get()
    assert page.status_code == 201
    assert page.json()["link"] == f"http://testserver/t/{stored.token}/"
    assert page.json()["id"] == stored.pk
    assert stored.token_rotated_at is not None
    assert {name: page[name] for name in SECRET_HEADERS} == SECRET_HEADERS
    assert staff.get(page.json()["link"]).status_code == 200


def test_staff_get_the_link_of_a_new_ticket_on_a_page(staff: Client) -> None:
    assert '<form method="post">' in staff.get("/tickets/").content.decode()

    page = staff.post("/tickets/", {"subject": "x", "status": "waiting"})

    stored = Ticket.objects.get()
    assert page.status_code == 201
    assert f'href="http://testserver/t/{stored.token}/"' in page.content.decode()
    assert page.content.decode().count(str(stored.token)) == 2  # the link and its text, no more
    assert stored.status == "waiting"


def test_a_new_ticket_without_a_subject_is_refused(staff: Client) -> None:
    page = staff.post("/tickets/", {"subject": " "})

    assert page.status_code == 400
    assert "This field is required" in page.content.decode()
    assert not Ticket.objects.exists()


@pytest.mark.parametrize("who", ["nobody", "customer"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_only_staff_create_tickets(client: Client, who: str, method: str) -> None:
    if who == "customer":
        client.force_login(User.objects.create_user(who))

    page = client.generic(method.upper(), "/tickets/")
    answer = client.generic(method.upper(), "/tickets/", headers=ANSWER_IN_JSON)

    assert (page.status_code, page["Location"]) == (302, "/admin/login/?next=/tickets/")
    assert (answer.status_code, answer.json()) == (403, {"error": "Only staff may create tickets."})
    assert not Ticket.objects.exists()


def test_a_new_ticket_needs_a_csrf_token_from_programs_too(browser: Client) -> None:
    browser.force_login(User.objects.create_user("clerk", is_staff=True))

    page = browser.post("/tickets/", {"subject": "x"}, content_type=JSON)

    assert page.status_code == 403
    assert not Ticket.objects.exists()


@pytest.mark.parametrize("debug", [False, True])
def test_error_reports_hold_no_token(
    client: Client,
    ticket: Ticket,
    before_saving: Any,
    settings: Any,
    mailoutbox: Any,
    debug: bool,  # noqa: FBT001
) -> None:
    def fail() -> None:
        raise RuntimeError(f"Key (token)=({ticket.token}) already exists.")

    before_saving(fail)
    settings.DEBUG = debug
    settings.ADMINS = [("Admin", "admin@example.com")]
    client.raise_request_exception = False

    page = client.post(
        url(ticket), {"status": "closed"}, headers={"referer": f"https://x{url(ticket)}"}
    )

    (mail,) = mailoutbox
    text = page.content.decode()
    assert page.status_code == 500
    assert "/t/[token]/" in mail.subject
    assert "Key (token)=([token]) already exists." in mail.body
    assert ("Key (token)=([token]) already exists." in text) == debug
    for written in (mail.subject, mail.body, text):
        assert str(ticket.token) not in written
        assert ticket.token.hex not in written


def test_the_front_page_leads_staff_to_every_page_and_others_to_the_log_in(
    client: Client, staff: Client
) -> None:
    page = staff.get("/").content.decode()
    links = re.findall('href="([^"]+)"', page)
    assert links == ["/rotation/", "/tickets/", "/admin/"]
    assert [staff.get(link).status_code for link in links] == [200, 200, 200]
    assert staff.post("/admin/logout/").status_code == 200
    page = client.get("/").content.decode()
    assert re.findall('href="([^"]+)"', page) == ["/admin/login/?next=/"]
