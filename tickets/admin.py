from typing import TYPE_CHECKING

from django.contrib import admin

from tickets.models import Ticket

# At run time ModelAdmin takes no type argument; only its type stubs do.
if TYPE_CHECKING:
    TicketAdminBase = admin.ModelAdmin[Ticket]
else:
    TicketAdminBase = admin.ModelAdmin


@admin.register(Ticket)
class TicketAdmin(TicketAdminBase):
    """Tickets without their tokens: a token opens its ticket."""

    list_display = ("id", "subject", "status", "created_at", "token_rotated_at")
    list_filter = ("status",)
    search_fields = ("subject",)
    readonly_fields = (
        "created_at",
        "token_rotated_at",
    )
    ordering = ("-id",)
    # Counting every ticket for each page of the list would scan the table.
    show_full_result_count = False
