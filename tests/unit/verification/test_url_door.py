"""A door is asked in the way that was typed, and nothing that it says holds a token."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from token_rotation.errors import DoorError
from token_rotation.verification.door.answer import Answer, Reply
from token_rotation.verification.door.callable_door import CallableDoor
from token_rotation.verification.door.url_door import UrlDoor

TOKEN = "a+b/c=d é?&#"
REFUSED = frozenset({404})


class Handler(BaseHTTPRequestHandler):
    seen: list[tuple[str, str | None]]

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers.get("Authorization")))
        if self.path.startswith("/broken"):
            self.wfile.write(b"no HTTP at all\r\n\r\n")
            return
        self.send_response(302 if self.path.startswith("/moved") else 404)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    seen: list[tuple[str, str | None]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("One", (Handler,), {"seen": seen}))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    thread.join()
    server.server_close()


def door(template: str, *headers: str) -> UrlDoor:
    return UrlDoor(template, headers, refused=REFUSED, timeout_seconds=10)


def test_the_token_is_quoted_in_the_url(site: tuple[str, list[tuple[str, str | None]]]) -> None:
    url, seen = site
    assert door(f"{url}/t/{{token}}/?x={{token}}").ask(TOKEN) == Reply(Answer.REFUSED, "404")
    quoted = "a%2Bb%2Fc%3Dd%20%C3%A9%3F%26%23"
    assert seen == [(f"/t/{quoted}/?x={quoted}", None)]


def test_the_token_stands_in_a_header_as_it_is(
    site: tuple[str, list[tuple[str, str | None]]],
) -> None:
    url, seen = site
    door(f"{url}/", "Authorization: Token {token}").ask("a+b/c=d")
    assert seen == [("/", "Token a+b/c=d")]


def test_no_redirect_is_followed_and_no_proxy_asked(
    site: tuple[str, list[tuple[str, str | None]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    url, seen = site
    assert door(f"{url}/moved/{{token}}").ask("abc") == Reply(Answer.OPEN, "302")
    assert [path for path, _ in seen] == ["/moved/abc"]


@pytest.mark.parametrize("template", ["{site}/broken/{token}", "http://127.0.0.1:1/{token}"])
def test_what_is_no_answer_tells_nothing_and_quotes_nothing(
    site: tuple[str, list[tuple[str, str | None]]], template: str
) -> None:
    reply = door(template.replace("{site}", site[0])).ask("secret-1")
    assert reply.answer is Answer.UNKNOWN
    assert reply.said in ("BadStatusLine", "ConnectionRefusedError")


def test_a_header_that_cannot_be_sent_tells_nothing(
    site: tuple[str, list[tuple[str, str | None]]],
) -> None:
    reply = door(f"{site[0]}/", "X: {token}").ask("secret\nInjected: 1")
    assert reply == Reply(Answer.UNKNOWN, "ValueError")
    assert site[1] == []


@pytest.mark.parametrize(
    ("template", "headers", "said"),
    [
        ("ftp://host/{token}", [], "no http or https URL"),
        ("/t/{token}", [], "no http or https URL"),
        ("http:///{token}", [], "no http or https URL"),
        ("http://host:port/{token}", [], "no http or https URL"),
        ("http://host/", [], "has {token} in it"),
        ("http://host/", ["Authorization: Token"], "has {token} in it"),
        ("http://{token}.host/", [], "in the host's place"),
        ("http://me:secret@host/{token}", [], "in the host's place"),
        ("http://host/{token}", ["no header"], "Name: value"),
    ],
)
def test_a_template_that_cannot_be_asked_is_refused(
    template: str, headers: list[str], said: str
) -> None:
    with pytest.raises(DoorError, match=said) as refused:
        door(template, *headers)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("path", ["no.such.module", "os.nothing", "os.path"])
def test_what_is_no_function_is_refused(path: str) -> None:
    with pytest.raises(DoorError):
        CallableDoor(path, refused=REFUSED)
