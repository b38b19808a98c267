"""CSRF protection for pages that send no Referer."""

from collections.abc import Callable
from typing import Any, cast

from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.decorators import decorator_from_middleware
from django.views.decorators.csrf import csrf_exempt

View = Callable[..., HttpResponse]


class _SecretPageCsrf(CsrfViewMiddleware):
    """Check forms as usual; let JSON pass.

    Another site can make a browser send a form, but not JSON: that needs a preflight request, which
    nothing here answers.
    """

    def process_view(
        self,
        request: HttpRequest,
        callback: Callable[..., HttpResponseBase],
        callback_args: tuple[Any, ...],
        callback_kwargs: dict[str, Any],
    ) -> HttpResponseForbidden | None:
        if request.content_type == "application/json":
            return None
        return super().process_view(request, callback, callback_args, callback_kwargs)

    def _origin_verified(self, request: HttpRequest) -> bool:
        # Under "Referrer-Policy: no-referrer" browsers send "Origin: null" with a form. No page can
        # set the header Sec-Fetch-Site, and for a sandboxed frame it says cross-site.
        if request.headers["Origin"] == "null":
            return request.headers.get("Sec-Fetch-Site") == "same-origin"
        return bool(super()._origin_verified(request))  # type: ignore[misc]


_check_forms = decorator_from_middleware(_SecretPageCsrf)


def secret_page_csrf(view: View) -> View:
    """Protect ``view`` instead of CsrfViewMiddleware.

    Forms are protected by Origin and token, JSON by type.
    """
    return cast(View, csrf_exempt(_check_forms(view)))
