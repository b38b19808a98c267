"""The form of a ticket."""

from typing import TYPE_CHECKING, ClassVar

from django import forms

from tickets.models import Ticket

# At run time ModelForm takes no type argument; only its type stubs do.
if TYPE_CHECKING:
    TicketFormBase = forms.ModelForm[Ticket]
else:
    TicketFormBase = forms.ModelForm


class TicketForm(TicketFormBase):
    """Subject and status of a ticket.

    Saving writes the whole row, with token and marker. The guard makes that harmless: a token that
    was rotated since stays rotated.
    """

    class Meta:
        model = Ticket
        fields: ClassVar = ["subject", "status"]
