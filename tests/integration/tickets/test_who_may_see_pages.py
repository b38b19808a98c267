"""Every page is for everybody or for staff, and no write passes without a CSRF token.

The pages are those of the URLconf, so one that is added later is looked at, too: under a prefix
of staff pages it must refuse others, and elsewhere it must be named here.
"""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLResolver, get_resolver, resolve

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("served")]

STAFF = ("admin/", "rotation/", "tickets/")
PUBLIC = {"", "t/<path:token>", "t/<path:token>/", "admin/login/", "admin/logout/"}
# They ask for a signature or a secret, and look at no cookie.
DOORS = {"leaks/report", "leaks/revoke"}

SAMPLES = {"int": "1", "path": "1", "uuid": str(uuid4())}


def pages(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, str]]:
    """The route of each page, and an address that it matches."""
    for each in resolver.url_patterns:
        if isinstance(each, URLResolver):
            yield from pages(each, f"{prefix}{each.pattern}")
        else:
            yield f"{prefix}{each.pattern}", address_of(f"{prefix}{each.pattern}")


def address_of(route: str) -> str:
    """Fill in <type:name>, and groups of regular expressions by their first word if they have one.

    Whether the address matches is tested below.
    """
    route = re.sub(r"\^?\(\?P<\w+>(\w*)[^)]*\)", lambda group: group[1] or "nowhere", route)
    route = re.sub(r"<(?:(\w+):)?\w+>", lambda part: SAMPLES.get(part[1], "x"), route)
    return "/" + route.removesuffix("$")


PAGES = sorted(set(pages(get_resolver())))
PAGES_WITH_COOKIES = [page for page in PAGES if page[0] not in DOORS]
STAFF_PAGES = [page for page in PAGES if page[0].startswith(STAFF) and page[0] not in PUBLIC]


def ids(pages: list[tuple[str, str]]) -> list[str]:
    return [route for route, _ in pages]


@pytest.fixture
def anybody() -> Client:
    return Client()


@pytest.fixture
def customer() -> Client:
    client = Client()
    client.force_login(User.objects.create_user("customer"))
    return client


@pytest.fixture
def boss() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    return client


def test_every_page_is_known_to_be_for_everybody_or_for_staff() -> None:
    known = PUBLIC | DOORS
    unknown = [route for route, _ in PAGES if route not in known and not route.startswith(STAFF)]
    assert not unknown, "say here who may see it: under a prefix of STAFF, in PUBLIC or in DOORS"
    assert len(STAFF_PAGES) > 20
    found = {resolve(address).route for _, address in PAGES}
    assert found == {route.replace("/^", "/") for route, _ in PAGES}
    assert {route for route, _ in PAGES} >= known


@pytest.mark.parametrize("route", sorted(DOORS))
def test_a_door_is_closed_unless_it_is_configured_and_then_lets_no_session_in(
    boss: Client, route: str, settings: Any
) -> None:
    sent = ("POST", f"/{route}", '{"tokens": ["t"]}', "application/json")
    assert boss.generic(*sent).status_code == 404
    settings.TOKEN_ROTATION_INTAKE_BEARER = "s" * 32
    settings.TOKEN_ROTATION_INTAKE_PUBLIC_KEYS = {"a": "a key"}
    assert boss.generic(*sent).status_code == 401


@pytest.mark.parametrize(("route", "address"), STAFF_PAGES, ids=ids(STAFF_PAGES))
def test_others_get_nothing_from_a_staff_page(
    anybody: Client, customer: Client, route: str, address: str
) -> None:
    for client in (anybody, customer):
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
            page = client.generic(method, address)
            if page.status_code == 302:
                # To the log-in, or first to the same address with a slash.
                assert page["Location"].startswith(("/admin/login/?next=/", f"{address}/"))
            else:
                assert page.status_code in {403, 404, 405}, (method, page.status_code)
            answer = client.generic(method, address, headers={"accept": "application/json"})
            assert answer.status_code in {302, 403, 404, 405}, (method, answer.status_code)


@pytest.mark.parametrize(("route", "address"), PAGES_WITH_COOKIES, ids=ids(PAGES_WITH_COOKIES))
def test_no_write_passes_without_a_csrf_token(boss: Client, route: str, address: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = boss.cookies
    kinds = {"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}
    if not route.startswith("t/"):  # there a program may send JSON, which a page elsewhere cannot
        kinds.add("application/json")
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for kind in kinds:
            assert strict.generic(method, address, "{}", kind).status_code == 403, (method, kind)


@pytest.mark.parametrize("page", ["/admin/login/", "/admin/logout/"])
@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example/",
        "/\\evil.example/",
        "\\\\evil.example/",
        "http:evil.example",
        "https:///evil.example",
        "javascript:alert(1)",
        " https://evil.example/",
        "https://testserver@evil.example/",
    ],
)
def test_logging_in_and_out_leads_nowhere_else(page: str, elsewhere: str, settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # fast
    boss = User.objects.create_superuser("boss", password="only for this test")
    client = Client()
    form = {"username": "boss", "password": "only for this test", "next": elsewhere}
    if page == "/admin/logout/":
        client.force_login(boss)

    answer = client.post(page, form, query_params={"next": elsewhere})

    assert answer.status_code in {200, 302}
    assert "evil" not in answer.headers.get("Location", "")
    assert "alert" not in answer.headers.get("Location", "")


@pytest.mark.parametrize(
    "address",
    ["//evil.example/tickets", "//evil.example/admin", "/\\evil.example/admin", "/admin"],
)
def test_no_address_of_this_site_leads_to_another(anybody: Client, address: str) -> None:
    answer = anybody.get("/", PATH_INFO=address)  # get() would take its first part for the host
    location = answer.headers.get("Location", "/")
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))


class Inline(HTMLParser):
    """Collects what the Content-Security-Policy forbids, and the addresses of what is loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.loaded: list[str] = []
        self._in: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        self._in = tag if tag in {"script", "style"} and "src" not in names else None
        if names.get("type") == "application/json":
            self._in = None
        self.found += [f"<{tag} {n}>" for n in names if n == "style" or n.startswith("on")]
        if tag in {"script", "link", "img", "iframe", "source"}:
            self.loaded += [str(names[n]) for n in ("src", "href") if names.get(n)]

    def handle_data(self, data: str) -> None:
        if self._in and data.strip():
            self.found.append(f"<{self._in}>{data.strip()}")

    def handle_endtag(self, tag: str) -> None:
        self._in = None


POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}


@pytest.mark.parametrize(("route", "address"), PAGES, ids=ids(PAGES))
def test_every_page_has_the_policy_and_nothing_that_it_forbids(
    boss: Client, route: str, address: str
) -> None:
    page = boss.get(address)

    assert set(page["Content-Security-Policy"].split("; ")) == POLICY
    if page.headers.get("Content-Type", "").startswith("text/html") and not page.streaming:
        inline = Inline()
        inline.feed(page.content.decode())
        assert not inline.found
        allowed = ("/static/", "/admin/jsi18n/", "data:")
        assert all(each.startswith(allowed) for each in inline.loaded)


def test_errors_have_the_policy_too(anybody: Client) -> None:
    forged = Client(enforce_csrf_checks=True).post("/admin/login/")
    pages = [
        anybody.get("/nowhere/"),
        anybody.get("/healthz"),
        anybody.head("/static/admin/css/base.css"),
        forged,
        anybody.get("/", headers={"host": "evil.example"}),
    ]
    assert [page.status_code for page in pages] == [404, 200, 200, 403, 400]
    for page in pages:
        assert set(page["Content-Security-Policy"].split("; ")) == POLICY
    assert "Nothing was changed" in forged.content.decode()
    assert "<style" not in forged.content.decode()
