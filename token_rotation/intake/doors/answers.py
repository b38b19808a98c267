"""Answers of the doors: short texts that repeat nothing of a request."""

from __future__ import annotations

from http import HTTPStatus

from django.http import HttpResponse

RETRY_SECONDS = 30

_SAID = {
    HTTPStatus.BAD_REQUEST: "The body has another shape. Nothing was done.",
    HTTPStatus.UNAUTHORIZED: "Nobody has signed this, or sent the secret. Nothing was done.",
    HTTPStatus.FORBIDDEN: "The signature does not fit. Nothing was done.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large. Nothing was done.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many calls. Nothing was done. Call again later.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not every token could be dealt with. Send the same again.",
}


def refusal(status: HTTPStatus, *, retry_seconds: int | None = None) -> HttpResponse:
    """Return the answer to a request of which not all was done."""
    answer = HttpResponse(f"{_SAID[status]}\n", content_type="text/plain", status=status)
    if status is HTTPStatus.UNAUTHORIZED:
        answer["WWW-Authenticate"] = "Bearer"
    if retry_seconds is not None:
        answer["Retry-After"] = str(retry_seconds)
    return answer


def not_finished() -> HttpResponse:
    """Return the answer where the sender must send the same again."""
    return refusal(HTTPStatus.SERVICE_UNAVAILABLE, retry_seconds=RETRY_SECONDS)
