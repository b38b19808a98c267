"""What the address of a ticket page holds must be kept and passed on nowhere."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

LINK_PREFIX = "/t/"


def secret(response: HttpResponse) -> HttpResponse:
    """Mark a response that shows a token, or whose address holds one."""
    response["Cache-Control"] = "private, no-store"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return response


def keep_links_secret(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware, before all others that answer: marks whatever is said to a ticket's link.

    Also what no view has said: the redirect to HTTPS, which may be kept for ever and repeats the
    link, a refused form, an error.
    """

    def marked(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        return secret(response) if request.path_info.startswith(LINK_PREFIX) else response

    return marked
