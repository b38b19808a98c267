import json
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.csrf import csrf_exempt

from tests.projects.old_application.models import Ticket


def new_ticket(request: HttpRequest) -> JsonResponse:
    if not request.user.is_staff:
        raise PermissionDenied
    ticket = Ticket.objects.create(**json.loads(request.body))
    # The token that was sent. Once the insert guard is there, another one is stored.
    return JsonResponse({**shown(ticket), "link": f"/t/{ticket.token}/"}, status=201)


@csrf_exempt
def ticket_page(request: HttpRequest, token: UUID) -> JsonResponse:
    ticket = get_object_or_404(Ticket, token=token)
    if request.method == "POST":
        for name, value in json.loads(request.body).items():
            setattr(ticket, name, value)
        ticket.save()  # the whole row
    return JsonResponse(shown(ticket))


def shown(ticket: Ticket) -> dict[str, Any]:
    return {"id": ticket.pk, "subject": ticket.subject, "status": ticket.status}
