"""Doors that are open, and tickets whose tokens leaked."""

from collections.abc import Callable
from typing import Any

import pgtrigger
import pytest
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client

from tests.support.signing import Signer

Send = Callable[..., HttpResponse]


@pytest.fixture
def signer(served: None, settings: Any) -> Signer:
    """Who may sign for the site."""
    signer = Signer()
    settings.ROOT_URLCONF = "token_rotation.intake.urls"
    settings.TOKEN_ROTATION_INTAKE_PUBLIC_KEYS = {signer.key_id: signer.pem}
    return signer


@pytest.fixture
def send(signer: Signer) -> Send:
    """send(body, headers={...}): the webhook's answer; signed if no headers are given."""

    def post(body: bytes, headers: dict[str, str] | None = None) -> Any:
        signed = signer.headers(body) if headers is None else headers
        return Client().post("/report", body, content_type="application/json", headers=signed)

    return post


@pytest.fixture
def open_endpoint(served: None, settings: Any) -> str:
    """The secret of those who may revoke."""
    cache.clear()
    settings.ROOT_URLCONF = "token_rotation.intake.urls"
    settings.TOKEN_ROTATION_INTAKE_BEARER = "b" * 40
    return "b" * 40


@pytest.fixture
def leak_tickets(transactional_db: None) -> Callable[[int], list[Any]]:
    """leak_tickets(n): tickets whose tokens were never rotated."""

    from tickets.models import Ticket  # noqa: PLC0415  (after Django was set up)

    def leak(rows: int) -> list[Any]:
        with pgtrigger.ignore("tickets.Ticket:guard_insert"):
            return [
                Ticket.objects.create(subject=f"{n}", token_rotated_at=None) for n in range(rows)
            ]

    return leak
