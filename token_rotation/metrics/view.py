"""``/metrics``, for whoever has the token in METRICS_TOKEN."""

from __future__ import annotations

from http import HTTPStatus

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from token_rotation.errors import RotationError
from token_rotation.metrics.collector import RotationCollector


def metrics(request: HttpRequest) -> HttpResponse | None:
    """The figures, 401 without the token; None, as if there were no such page, when it is off."""
    return _metrics(request) if settings.METRICS_TOKEN else None


@require_safe
@cache_control(no_store=True)
def _metrics(request: HttpRequest) -> HttpResponse:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not constant_time_compare(token, settings.METRICS_TOKEN):
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
