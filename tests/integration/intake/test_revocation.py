"""Callers whom the site knows revoke tokens, and learn nothing about them."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.http import HttpRequest
from django.test import Client

from tickets.models import Ticket
from token_rotation.intake.rows import ReportedRows

pytestmark = pytest.mark.django_db(transaction=True)


def revoke(secret: str | None, *tokens: object, **headers: str) -> Any:
    if secret is not None:
        headers["Authorization"] = f"Bearer {secret}"
    body = json.dumps({"tokens": [str(token) for token in tokens]})
    return Client().post("/revoke", body, content_type="application/json", headers=headers)


def test_known_and_unknown_tokens_get_the_same_answer(
    leak_tickets: Callable[[int], list[Ticket]], open_endpoint: str
) -> None:
    (ticket,) = leak_tickets(1)
    known, again = (revoke(open_endpoint, ticket.token) for _ in range(2))
    unknown, noise = revoke(open_endpoint, uuid4()), revoke(open_endpoint, "noise")
    answers = {(each.status_code, each.content, str(each.headers)) for each in (known, again)}
    answers |= {(each.status_code, each.content, str(each.headers)) for each in (unknown, noise)}
    assert len(answers) == 1
    assert (known.status_code, json.loads(known.content)) == (200, {"reported": 1})
    assert not Ticket.objects.filter(token=ticket.token).exists()


def test_white_space_around_a_token_keeps_it_not_alive(
    leak_tickets: Callable[[int], list[Ticket]], open_endpoint: str
) -> None:
    ticket, other = leak_tickets(2)
    answer = revoke(open_endpoint, f" {ticket.token}\r\n", f"\u00a0{other.token}")
    assert (answer.status_code, json.loads(answer.content)) == (200, {"reported": 2})
    assert not Ticket.objects.filter(token__in=[ticket.token, other.token]).exists()


def test_known_and_unknown_tokens_cost_the_same_statements(
    leak_tickets: Callable[[int], list[Ticket]],
    open_endpoint: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (ticket,) = leak_tickets(1)
    done: list[str] = []
    for name in ("find", "rotate", "retired"):
        monkeypatch.setattr(ReportedRows, name, noting(done, name, getattr(ReportedRows, name)))
    of_each = []
    for token in (ticket.token, uuid4()):
        assert revoke(open_endpoint, token).status_code == 200
        of_each.append(tuple(done))
        done.clear()
    assert of_each[0] == of_each[1] == ("find", "rotate", "find")


def noting(done: list[str], name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def noted(*args: Any) -> Any:
        done.append(name)
        return call(*args)

    return noted


def test_who_is_unknown_calls_too_often_or_sends_too_much_is_refused(
    open_endpoint: str, settings: Any
) -> None:
    for secret in (None, "", "c" * 40, open_endpoint[:-1], "ü"):
        refused = revoke(secret, "a")
        assert (refused.status_code, refused["WWW-Authenticate"]) == (401, "Bearer")
    assert revoke(open_endpoint, *range(1_001)).status_code == 413
    assert revoke(open_endpoint).status_code == 400
    settings.TOKEN_ROTATION_INTAKE_CALLS_PER_MINUTE = 1
    statuses = [revoke(open_endpoint, "a") for _ in range(4)]  # a minute may end among them
    limited = [each for each in statuses if each.status_code == 429]
    assert limited
    assert limited[0]["Retry-After"] == "60"


def partner(request: HttpRequest) -> str | None:
    """A site's own way to know who calls."""
    return request.headers.get("X-Partner")


def test_the_sites_own_function_may_say_who_calls(open_endpoint: str, settings: Any) -> None:
    settings.TOKEN_ROTATION_INTAKE_BEARER = ""
    settings.TOKEN_ROTATION_INTAKE_AUTHENTICATE = f"{__name__}.partner"
    assert revoke(open_endpoint, "a").status_code == 401
    assert revoke(None, "a", **{"X-Partner": "one"}).status_code == 200
