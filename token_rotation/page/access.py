"""Access to the page and to its buttons."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections, transaction
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.views.decorators.cache import never_cache

from token_rotation.page.htmx import HtmxDetails, HttpResponseClientRefresh
from token_rotation.postgres.opening import own_session

PAGE = "token_rotation:page"
PERMISSION = "token_rotation_operations.control_batchoperation"

View = Callable[..., HttpResponse]


def staff_page(view: View) -> View:
    """Show the view to staff; send others to the log-in.

    Answer 503 if the database, which knows the users, cannot be reached. Under ATOMIC_REQUESTS the
    view has no transaction around it: what it starts must be committed when it answers.
    """

    @wraps(view)
    def for_staff(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponse:
        try:
            is_staff = request.user.is_active and request.user.is_staff
        except (DatabaseError, InterfaceError):
            return _unreachable()
        if is_staff:
            return view(request, *args, **kwargs)
        if HtmxDetails(request):
            return HttpResponseClientRefresh()  # the page itself then leads to the log-in
        page = request.path.removesuffix("live")  # whose parts that are
        is_page = request.method in {"GET", "HEAD"}
        return redirect_to_login(page if is_page else reverse(PAGE), _log_in_url())

    return never_cache(transaction.non_atomic_requests(for_staff))


def _log_in_url() -> str:
    """Return the URL of the log-in.

    It is the admin's, or LOGIN_URL in a project without the admin's URLs.
    """
    try:
        return reverse("admin:login")
    except NoReverseMatch:
        return str(settings.LOGIN_URL)


def _unreachable() -> HttpResponse:
    response = HttpResponse(render_to_string("token_rotation/unreachable.html"), status=503)
    # An open page asks every two seconds. A log line and a mail to ADMINS for each request would
    # hide the one that matters.
    response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001
    return response


def may_control(request: HttpRequest) -> bool:
    return request.user.has_perm(PERMISSION)


def watching(view: View) -> View:
    """Let the view use a session that rotations ignore.

    A rotation makes small batches while other sessions are at work. The page asks every two
    seconds. So its session has the rotation's own name and is closed after the answer.
    """

    @wraps(view)
    def in_own_session(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponse:
        if connections[DEFAULT_DB_ALIAS].in_atomic_block:
            return view(request, *args, **kwargs)
        with own_session(DEFAULT_DB_ALIAS):
            return view(request, *args, **kwargs)

    return in_own_session


def button(view: View) -> View:
    """Let staff with the permission use the view.

    Other staff get 403.
    """

    @wraps(view)
    def for_permitted(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponse:
        if not may_control(request):
            text = render_to_string("token_rotation/forbidden.html", {"permission": PERMISSION})
            return HttpResponse(text, status=403)
        return view(request, *args, **kwargs)

    return staff_page(for_permitted)
