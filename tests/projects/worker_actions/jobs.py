"""Jobs whose every step can be counted afterwards."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib.auth.models import User
from django.db.models import QuerySet

from tickets.models import Ticket
from token_rotation.jobs import CsvFile, Job, JobState, register


@register
class Shout(Job):
    batch_items = 20
    traffic_budget_ms = 0  # other tests run beside it

    def collection(self) -> "QuerySet[Ticket]":
        return Ticket.objects.all()

    def process_batch(self, items: Sequence[Ticket]) -> None:
        for ticket in items:
            ticket.subject += "!"
            ticket.save(update_fields=["subject"])

    def after_complete(self, state: JobState) -> None:
        User.objects.create(username=f"{state.done} shouted {uuid4()}")


class MarkForm(forms.Form):
    sign = forms.CharField(max_length=3, initial="!", help_text="What is appended.")
    password = forms.CharField(required=False, widget=forms.PasswordInput)


@register
class Mark(Shout):
    """Append a sign to each subject."""

    parameters_form = MarkForm

    def process_batch(self, items: Sequence[Ticket]) -> None:
        for ticket in items:
            if ticket.subject.startswith("poison"):
                raise ValueError(f"not with {self.parameters['password']}")
            ticket.subject += self.parameters["sign"]
            ticket.save(update_fields=["subject"])


class ImportForm(forms.Form):
    file = forms.FileField(help_text="A CSV file with a subject in each record.")


@register
class Import(Job):
    """Make a ticket of each record."""

    parameters_form = ImportForm
    traffic_budget_ms = 0

    def collection(self) -> CsvFile:
        return CsvFile(self.parameters["file"])

    def process(self, item: Any) -> None:
        Ticket.objects.create(subject=item["subject"])


@register
class MarkTogether(Mark):
    """Append a sign once a second person agrees."""

    needs_approval = True


@register
class Patient(Shout):
    """Shout once no ticket is a gate."""

    def throttle_on(self) -> str:
        return "a gate is shut" if Ticket.objects.filter(subject="gate").exists() else ""


@register
class Nameless(Shout):
    """Need a parameter that no form asks for."""

    def collection(self) -> "QuerySet[Ticket]":
        return Ticket.objects.filter(subject=self.parameters["subject"])
