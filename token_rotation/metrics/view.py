"""``/metrics``, for clients that send the token of METRICS_TOKEN."""

from __future__ import annotations

from http import HTTPStatus

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from token_rotation.errors import RotationError
from token_rotation.metrics.collector import RotationCollector
from token_rotation.metrics.prometheus import CollectorRegistry, choose_encoder


def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with the figures.

    Answers 401 without the token, 503 if the database cannot be read. Raises Http404 while the
    setting METRICS_TOKEN is missing or empty.
    """
    expected = getattr(settings, "METRICS_TOKEN", "")
    if not expected:
        raise Http404
    return _metrics(request, expected)


@require_safe
@cache_control(no_store=True)
def _metrics(request: HttpRequest, expected: str) -> HttpResponse:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not constant_time_compare(token, expected):
        refusal = HttpResponse("A token is needed.\n", content_type="text/plain")
        refusal.status_code = HTTPStatus.UNAUTHORIZED
        refusal["WWW-Authenticate"] = "Bearer"
        return refusal
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    registry = CollectorRegistry(auto_describe=False)
    registry.register(RotationCollector(DEFAULT_DB_ALIAS))
    try:
        return HttpResponse(encode(registry), content_type=content_type)
    except (RotationError, OperationalError):  # the latter from the embedded server's backend
        text = "The database cannot be read.\n"
        return HttpResponse(text, content_type="text/plain", status=HTTPStatus.SERVICE_UNAVAILABLE)
