"""The admin of tickets, messages and imported tickets."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.postgres.search import SearchQuery
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from tickets.errors import MessageChangedError
from tickets.models import SEARCH_CONFIG, ImportedTicket, Message, Ticket
from token_rotation.admin import RotatingAdmin

# At run time ModelAdmin and ModelForm take no type argument; only their type stubs do.
if TYPE_CHECKING:
    MessageAdminBase = admin.ModelAdmin[Message]
    MessageFormBase = forms.ModelForm[Message]
    ImportedTicketAdminBase = admin.ModelAdmin[ImportedTicket]
else:
    MessageAdminBase = ImportedTicketAdminBase = admin.ModelAdmin
    MessageFormBase = forms.ModelForm


@admin.register(Ticket)
class TicketAdmin(RotatingAdmin):
    """Tickets without their tokens, which are secret."""

    list_display = ("id", "subject", "status", "created_at", "token_rotated_at")
    list_filter = ("status",)
    search_fields = ("subject",)
    readonly_fields = (
        "created_at",
        "token_rotated_at",
        "token_notified_at",
        "token_notice_refused_at",
    )
    ordering = ("-id",)
    # A full count would scan the table for each page of the list.
    show_full_result_count = False


class MessageForm(MessageFormBase):
    """The text, and the version that the editor has read.

    The editor is the person at the form.
    """

    seen_version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["seen_version"].initial = self.instance.version


@admin.register(Message)
class MessageAdmin(MessageAdminBase):
    """Messages, with a form that blacks out words.

    An example is a password that a customer sent.
    """

    form = MessageForm
    fields = ("ticket", "body", "seen_version", "created_at")
    readonly_fields = ("ticket", "created_at")
    list_display = ("id", "ticket", "created_at")
    list_select_related = ("ticket",)
    search_fields = ("search",)
    search_help_text = "Whole words of messages, such as a password to black out"
    ordering = ("-id",)
    show_full_result_count = False

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002
        queryset: QuerySet[Message],
        search_term: str,
    ) -> tuple[QuerySet[Message], bool]:
        """Find messages with all of the words, by the index."""
        if not search_term:
            return queryset, False
        words = SearchQuery(search_term, config=SEARCH_CONFIG)
        return queryset.filter(search=words), False

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def save_model(
        self,
        request: HttpRequest,  # noqa: ARG002
        obj: Message,
        form: Any,
        change: bool,  # noqa: ARG002, FBT001
    ) -> None:
        obj.version = form.cleaned_data["seen_version"]
        obj.rewrite(form.cleaned_data["body"])

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the stored text after a refused change.

        The page's transaction is rolled back.
        """
        try:
            return super().change_view(request, object_id, form_url, extra_context)
        except MessageChangedError as error:
            text = f"Not saved: {error}. This is the message as it is now."
            self.message_user(request, text, messages.ERROR)
            return HttpResponseRedirect(request.path)


@admin.register(ImportedTicket)
class ImportedTicketAdmin(ImportedTicketAdminBase):
    """The import that each ticket came with.

    Read only, like every record.
    """

    list_display = ("reference", "ticket", "operation")
    list_select_related = ("ticket", "operation")
    search_fields = ("=reference",)
    fields = ("reference", "ticket", "operation")
    ordering = ("-id",)
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(
        self,
        request: HttpRequest,  # noqa: ARG002
        obj: ImportedTicket | None = None,  # noqa: ARG002
    ) -> bool:
        return False

    def has_delete_permission(
        self,
        request: HttpRequest,  # noqa: ARG002
        obj: ImportedTicket | None = None,  # noqa: ARG002
    ) -> bool:
        return False
