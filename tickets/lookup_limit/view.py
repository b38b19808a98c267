"""The limit as a decorator of views."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse

from tickets.lookup_limit.client_address import client_address
from tickets.lookup_limit.limiter import limiter

View = Callable[..., HttpResponse]


def limit_failed_lookups(refuse: Callable[[HttpRequest], HttpResponse]) -> Callable[[View], View]:
    """Count the 404s of a view by client.

    After too many, answer with ``refuse`` instead. The refusal has status 429 and Retry-After, for
    valid and invalid links alike. A failure is counted before the answer is sent, so that nothing
    shows which links were counted.
    """

    def limit(view: View) -> View:
        @wraps(view)
        def limited(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            failures, client = limiter(), client_address(request)
            if failures is None or client is None:
                return view(request, *args, **kwargs)
            wait_seconds = failures.refused_seconds(client)
            if wait_seconds is None:
                response = view(request, *args, **kwargs)
                if response.status_code != HTTPStatus.NOT_FOUND:
                    return response
                wait_seconds = failures.failed(client)
                if wait_seconds is None:
                    return response
            refusal = refuse(request)
            refusal.status_code = HTTPStatus.TOO_MANY_REQUESTS
            refusal["Retry-After"] = str(wait_seconds)
            return refusal

        return limited

    return limit
