"""Headers that keep ticket links secret.

The links stay out of caches, referrers and search engines.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

LINK_PREFIX = "/t/"


def secret(response: HttpResponse) -> HttpResponse:
    """Mark a response that shows a token.

    Mark it also if its address has a token.
    """
    response["Cache-Control"] = "private, no-store"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return response


def keep_links_secret(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware that marks every answer to a ticket's link.

    It comes before all others that answer. So it also marks answers of no view: an error, a refused
    form, and the redirect to HTTPS. That redirect repeats the link and may be cached for ever.
    """

    def marked(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        return secret(response) if request.path_info.startswith(LINK_PREFIX) else response

    return marked
