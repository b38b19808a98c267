"""What people may say about a ticket."""

from typing import TYPE_CHECKING, ClassVar

from django import forms

from tickets.models import Ticket

# At run time ModelForm takes no type argument; only its type stubs do.
if TYPE_CHECKING:
    TicketFormBase = forms.ModelForm[Ticket]
else:
    TicketFormBase = forms.ModelForm


class TicketForm(TicketFormBase):
    """Subject and status. Saving a changed ticket writes its whole row, token and marker included.

    The guard makes that harmless: a token that was rotated meanwhile stays rotated.
    """

    class Meta:
        model = Ticket
        fields: ClassVar = ["subject", "status"]
