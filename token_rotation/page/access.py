"""Who may see the page, and who may press its buttons."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.contrib.auth.views import redirect_to_login
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django_htmx.http import HttpResponseClientRefresh
from django_htmx.middleware import HtmxDetails

from token_rotation.postgres.opening import APPLICATION_NAME

PERMISSION = "token_rotation_operations.control_batchoperation"
LOGIN = "admin:login"

View = Callable[..., HttpResponse]


def staff_page(view: View) -> View:
    """For staff; others are sent to the log-in.

    Whoever it is, the database says. Where that cannot be asked, a sentence says so with 503.
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
        return redirect_to_login(reverse("token_rotation:page"), LOGIN)

    return never_cache(for_staff)


def _unreachable() -> HttpResponse:
    response = HttpResponse(render_to_string("token_rotation/unreachable.html"), status=503)
    # An open page asks every two seconds: a line in the log, and a mail to ADMINS, for each of them
    # would drown the one that matters.
    response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001
    return response


def may_control(request: HttpRequest) -> bool:
    return request.user.has_perm(PERMISSION)


def onlooker(view: View) -> View:
    """Leave a rotation alone that is watched: it gives way to sessions that were at work.

    Who asks every two seconds does so under the rotation's own name, and leaves no session behind
    that was at work a moment ago.
    """

    @wraps(view)
    def looking_on(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponse:
        connection = connections[DEFAULT_DB_ALIAS]
        if connection.in_atomic_block:
            return view(request, *args, **kwargs)
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET application_name = %s", [APPLICATION_NAME])
        except (DatabaseError, InterfaceError):
            return _unreachable()
        try:
            return view(request, *args, **kwargs)
        finally:
            connection.close()

    return looking_on


def button(view: View) -> View:
    """For staff with the permission; 403 for other staff."""

    @wraps(view)
    def for_permitted(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponse:
        if not may_control(request):
            text = render_to_string("token_rotation/forbidden.html", {"permission": PERMISSION})
            return HttpResponse(text, status=403)
        return view(request, *args, **kwargs)

    return staff_page(for_permitted)
