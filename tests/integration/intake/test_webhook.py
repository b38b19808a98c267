"""A signed report kills what it names, once; anything else is refused and changes nothing."""

import json
from collections.abc import Callable
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
from django.test import Client

from tests.support.signing import Signer, report_of
from tickets.models import Ticket
from token_rotation.intake.record import ReportRecord
from token_rotation.operations.models import BatchOperation

pytestmark = pytest.mark.django_db(transaction=True)

Leak = Callable[[int], list[Ticket]]
Send = Callable[..., Any]


def tokens() -> dict[int, Any]:
    return dict(Ticket.objects.values_list("pk", "token"))


def records() -> list[BatchOperation]:
    return list(BatchOperation.objects.of_type("leak report").order_by("pk"))


def test_reported_tokens_are_dead_when_the_answer_comes_and_others_live(
    leak_tickets: Leak, send: Send
) -> None:
    first, second, other = leak_tickets(3)
    unknown = uuid4()
    body = report_of([first.token, str(second.token).upper(), unknown, "noise"])
    answer = send(body)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    labels = [each["label"] for each in json.loads(answer.content)]
    assert labels == ["true_positive", "true_positive", "false_positive", "false_positive"]
    now = tokens()
    assert now[other.pk] == other.token
    assert not {first.token, second.token} & set(now.values())
    (record,) = records()
    assert (record.result, record.input_data) == (
        "successful",
        {"door": "webhook", "sources": {"commit": 4}},
    )
    assert record.output_data == {
        "reported": 4,
        "dropped": 1,
        "found": 2,
        "not_rotated": 0,
        "rotated_rows": {"tickets.Ticket": 2},
        "left_rows": {},
        "failures": {},
        "unsearched": [],
    }


def test_a_replay_is_answered_and_nothing_is_done(
    leak_tickets: Leak, send: Send, signer: Signer
) -> None:
    (ticket,) = leak_tickets(1)
    body = report_of([ticket.token])
    headers = signer.headers(body)
    assert send(body, headers).status_code == 200
    before = tokens()
    again = send(body, headers)
    assert again.status_code == 200
    assert tokens() == before
    assert len(records()) == 1


def test_a_report_that_comes_again_ends_the_record_that_a_death_left_running(
    leak_tickets: Leak, send: Send
) -> None:
    (ticket,) = leak_tickets(1)
    body = report_of([ticket.token])
    with patch.object(ReportRecord, "end"):  # what a process does not do any more
        send(body)
    assert [each.status for each in records()] == ["running"]
    assert send(body).status_code == 200
    assert [each.result for each in records()] == ["successful"]


def test_forged_oversized_and_malformed_reports_are_refused_and_nothing_is_done(
    leak_tickets: Leak, send: Send, signer: Signer, settings: Any
) -> None:
    before = {ticket.pk: ticket.token for ticket in leak_tickets(1)}
    body = report_of(before.values())
    settings.TOKEN_ROTATION_INTAKE_BODY_BYTES = len(body)
    forged, unknown = Signer(), Signer("unknown")
    refused = [
        (401, body, {}),
        (401, body, {"Github-Public-Key-Identifier": signer.key_id}),
        (403, body, forged.headers(body)),
        (403, body, unknown.headers(body)),
        (403, body, signer.headers(body[:-1])),
        (413, body + b" ", None),
        (400, b"[1]", None),
        (400, b"", None),
    ]
    for status, sent, headers in refused:
        answer = send(sent, headers)
        assert answer.status_code == status, (status, sent[:10])
        assert not any(str(token) in answer.content.decode() for token in before.values())
    lying = Client().post(
        "/report", body, content_type="application/json", headers={"Content-Length": "many"}
    )
    assert lying.status_code == 400
    assert Client().get("/report").status_code == 405
    assert tokens() == before
    assert records() == []
    assert send(body, signer.headers(body, prefix="")).status_code == 200
    assert not set(before.values()) & set(tokens().values())


def test_without_a_key_there_is_no_webhook(served: None, settings: Any) -> None:
    settings.ROOT_URLCONF = "token_rotation.intake.urls"
    for path in ("/report", "/revoke"):
        assert Client().post(path, b"[]", content_type="application/json").status_code == 404


def test_a_key_that_is_unfit_or_keys_that_cannot_be_fetched_ask_for_another_try(
    send: Send, signer: Signer, settings: Any
) -> None:
    body = report_of(["a"])
    settings.TOKEN_ROTATION_INTAKE_PUBLIC_KEYS = {signer.key_id: "no key"}
    assert send(body).status_code == 503
    settings.TOKEN_ROTATION_INTAKE_PUBLIC_KEYS = {}
    settings.TOKEN_ROTATION_INTAKE_PUBLIC_KEYS_URL = "http://127.0.0.1:1/"
    answer = send(body)
    assert (answer.status_code, answer["Retry-After"]) == (503, "30")
