"""Rotate tokens in the admin, with the same rules as the command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.utils import model_ngettext, quote, unquote
from django.core.exceptions import PermissionDenied
from django.db import router, transaction
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from token_rotation.declare.rotate_rows import ROWS_AT_MOST, rotate_rows
from token_rotation.errors import RotationError
from token_rotation.triggers.guard import guards_of

# At run time ModelAdmin takes no type argument; only its type stubs do.
if TYPE_CHECKING:
    AdminBase = admin.ModelAdmin[Any]
else:
    AdminBase = admin.ModelAdmin

CONFIRMED = "confirmed"
LOGGED = "Rotated the token."


class RotatingAdmin(AdminBase):
    """A ``ModelAdmin`` with an action that rotates selected rows, and a button for one row.

    Both ask for confirmation, since links with the old tokens stop working. Both need the
    permission to change the rows, and write to the admin's log. Tokens are neither shown nor
    edited, unless ``fields`` or ``fieldsets`` of a subclass name them.
    """

    actions = ("rotate_tokens",)
    change_form_template = "token_rotation/admin/change_form.html"

    @admin.action(
        permissions=["change"],
        description="Rotate the tokens of the selected %(verbose_name_plural)s",
    )
    def rotate_tokens(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Rotate the selected rows, at most one batch: more would take too long for a page."""
        rows = queryset.order_by()[: ROWS_AT_MOST + 1].count()
        if rows > ROWS_AT_MOST:
            text = f"More than {ROWS_AT_MOST:,} are selected. Nothing was changed."
            command = "Run: python manage.py rotate_tokens"
            self.message_user(request, f"{text} {command}", messages.ERROR)
            return None
        if CONFIRMED not in request.POST:
            return self._ask(request, rows, {"hidden": _resent(request)})
        self._rotate(request, queryset)
        return None

    def get_exclude(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """Exclude the tokens too, even if their fields are editable."""
        excluded = list(super().get_exclude(request, obj) or ())
        if self.fields or self.fieldsets:
            return excluded
        pairs = guards_of(getattr(self.opts, "triggers", []))
        return [*excluded, *(pair.update.token for pair in pairs)]

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_rotate_token"
        view = self.admin_site.admin_view(self.rotate_token_view)
        return [path("<path:object_id>/rotate-token/", view, name=name), *super().get_urls()]

    def rotate_token_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Serve the button: GET asks for confirmation, POST rotates."""
        row = self.get_object(request, unquote(object_id))
        if not self.has_change_permission(request, row):
            raise PermissionDenied
        if row is None:
            raise Http404
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        page = reverse(name, args=[quote(row.pk)], current_app=self.admin_site.name)
        if request.method != "POST":
            return self._ask(request, 1, {"original": row, "back": page})
        self._rotate(request, self.get_queryset(request).filter(pk=row.pk))
        return HttpResponseRedirect(page)

    def _rotate(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        database = router.db_for_write(self.model)
        try:
            with transaction.atomic(using=database):
                chosen = list(queryset.using(database))
                rows = rotate_rows(queryset.using(database))
                self._log(request, chosen)
        except RotationError as error:
            self.message_user(request, f"{error}.", messages.ERROR)
            return
        names = model_ngettext(self.opts, rows)
        text = f"Rotated the tokens of {rows:,} {names}. Links with the old tokens stop working."
        self.message_user(request, text, messages.SUCCESS)

    def _log(self, request: HttpRequest, rows: list[Model]) -> None:
        person = request.user.pk
        if rows and person is not None:
            LogEntry.objects.log_actions(person, rows, CHANGE, LOGGED)

    def _ask(self, request: HttpRequest, rows: int, more: dict[str, Any]) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "Rotate tokens",
            "opts": self.opts,
            "rows": rows,
            "names": model_ngettext(self.opts, rows),
            "confirmed": CONFIRMED,
            **more,
        }
        return TemplateResponse(request, "token_rotation/admin/confirm.html", context)


def _resent(request: HttpRequest) -> list[tuple[str, str]]:
    """Return the fields that select the action and its rows, to send again on confirmation."""
    names = ("action", "index", "select_across", ACTION_CHECKBOX_NAME)
    return [(name, value) for name in names for value in request.POST.getlist(name)]
