"""The revocation endpoint, for callers who are known to the site."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from django.db.transaction import non_atomic_requests
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST

from token_rotation.intake import settings
from token_rotation.intake.body import BodyError, TooManyTokensError, read_tokens
from token_rotation.intake.doors.answers import not_finished, refusal
from token_rotation.intake.doors.call_limit import WINDOW_SECONDS, may_call
from token_rotation.intake.doors.completing import completed
from token_rotation.intake.doors.request_body import TooLargeError, key_of, read_body
from token_rotation.intake.report import LeakReport

DOOR = "revocation"
OF_THE_SECRET = "bearer"


@csrf_exempt
@non_atomic_requests
def revocation(request: HttpRequest) -> HttpResponse:
    """Rotate up to 1,000 tokens; say the same of those that open something and of those that don't.

    Answers 400, 401, 413 and 429 where nothing was done, and 503 where the caller must call again
    with the same. Raises Http404 while no way to authenticate is set.
    """
    if not settings.is_revocation_open():
        raise Http404
    return _revocation(request)


@require_POST
@cache_control(no_store=True)
@sensitive_variables()
def _revocation(request: HttpRequest) -> HttpResponse:
    caller = _caller(request)
    if caller is None:
        return refusal(HTTPStatus.UNAUTHORIZED)
    if not may_call(caller, settings.calls_per_minute()):
        return refusal(HTTPStatus.TOO_MANY_REQUESTS, retry_seconds=WINDOW_SECONDS)
    try:
        body = read_body(request, settings.body_bytes())
        tokens, key = read_tokens(body), key_of(f"{DOOR}.{caller}", body)
    except (TooLargeError, TooManyTokensError):
        return refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    except BodyError:
        return refusal(HTTPStatus.BAD_REQUEST)
    outcome = completed(LeakReport(tokens, DOOR, key, is_even=True))
    if outcome is None:
        return not_finished()
    said: dict[str, Any] = {"reported": len(tokens)}
    if outcome.unsearched:  # of these nobody knows, and to call again would not help
        said["not_searched"] = list(outcome.unsearched)
    return HttpResponse(json.dumps(said), content_type="application/json")


@sensitive_variables()
def _caller(request: HttpRequest) -> str | None:
    """Return who calls; None: nobody who may."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    expected = settings.bearer()
    if expected and scheme.lower() == "bearer" and constant_time_compare(secret, expected):
        return OF_THE_SECRET
    authenticate = settings.authenticate()
    caller = authenticate(request) if authenticate is not None else None
    return f"site:{caller}" if caller else None
