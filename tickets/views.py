"""The ticket pages.

A ticket's link opens it, and staff create tickets.
"""

from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest
from django.forms import model_to_dict
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from tickets.answers import answer, explain_bad_request, submitted, wants_json
from tickets.csrf import secret_page_csrf
from tickets.forms import TicketForm
from tickets.lookup_limit.view import limit_failed_lookups
from tickets.models import Ticket
from tickets.secrecy import secret
from token_rotation import keeps_retired, recognise

NOTHING_HERE = "There is nothing here. If you followed a link to a ticket, ask for a new link."
REPLACED = "This link was replaced and opens nothing any more. Ask for a new link."
TOO_MANY = "Too many links from your network opened nothing. Try again in a few minutes."
STAFF_ONLY = "Only staff may create tickets."


def _too_many(request: HttpRequest) -> HttpResponse:
    return answer(request, "429.html", {}, {"error": TOO_MANY})


@require_safe
@never_cache
def index(request: HttpRequest) -> HttpResponse:
    """Show where the pages are, or how to log in.

    Staff see the pages; others see how to log in.
    """
    return render(request, "tickets/index.html")


@secret_page_csrf
@explain_bad_request
@require_http_methods(["GET", "HEAD", "POST"])
@limit_failed_lookups(_too_many)
def ticket_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show the ticket whose token is in the link.

    A POST changes its subject, status or both. Without a ticket the answer is 404, with the same
    text and after the same look-up for every kind of bad link. If retired tokens are kept, a
    retired one gets 410. Too many links that open nothing get 429 for any link.
    """
    ticket = _find(token)
    if ticket is None:
        if keeps_retired(Ticket) and recognise(token.lower()):
            return answer(request, "tickets/replaced.html", {}, {"error": REPLACED}, status=410)
        return answer(request, "404.html", {}, {"error": NOTHING_HERE}, status=404)
    if request.method == "POST":
        return _change(request, ticket)
    return _show(request, ticket, TicketForm(instance=ticket))


@explain_bad_request
@require_http_methods(["GET", "HEAD", "POST"])
def new_ticket(request: HttpRequest) -> HttpResponse:
    """Show staff a form; after a POST, the new link.

    The link is that of the new ticket.
    """
    if not request.user.is_staff:
        if wants_json(request):
            return JsonResponse({"error": STAFF_ONLY}, status=403)
        return redirect_to_login(request.path, reverse("admin:login"))
    if request.method != "POST":
        form = TicketForm()
        return answer(request, "tickets/new.html", {"form": form}, {"fields": list(form.fields)})
    form = TicketForm({"status": Ticket.Status.OPEN, **submitted(request)})
    if not form.is_valid():
        return answer(request, "tickets/new.html", {"form": form}, _errors(form), status=400)
    ticket = form.save()  # reads back the token that the database issued
    link = request.build_absolute_uri(reverse("tickets:ticket", args=[ticket.token]))
    context = {"ticket": ticket, "link": link}
    data = {**_public(ticket), "link": link}
    return secret(answer(request, "tickets/created.html", context, data, status=201))


def _find(token: str) -> Ticket | None:
    try:
        key = UUID(token)
    except ValueError:
        key = None
    if key is None or str(key) != token.lower():  # UUID() reads many spellings, links have one
        key = uuid4()  # opens nothing: a malformed token costs the same look-up as any other
    return Ticket.objects.filter(token=key).first()


def _show(
    request: HttpRequest, ticket: Ticket, form: TicketForm, status: int = 200
) -> HttpResponse:
    context = {"ticket": ticket, "form": form}
    data = _errors(form) if form.errors else _public(ticket)
    return answer(request, "tickets/ticket.html", context, data, status=status)


def _change(request: HttpRequest, ticket: Ticket) -> HttpResponse:
    names = TicketForm.Meta.fields
    fields = {name: value for name, value in submitted(request).items() if name in names}
    if not fields:
        raise BadRequest("Nothing to change: send a subject, a status or both.")
    form = TicketForm({**model_to_dict(ticket, names), **fields}, instance=ticket)
    if not form.is_valid():
        return _show(request, ticket, form, status=400)
    form.save()
    return (
        JsonResponse(_public(ticket)) if wants_json(request) else HttpResponseRedirect(request.path)
    )


def _public(ticket: Ticket) -> dict[str, Any]:
    return {
        "id": ticket.pk,
        "subject": ticket.subject,
        "status": ticket.status,
        "created_at": ticket.created_at,
    }


def _errors(form: TicketForm) -> dict[str, Any]:
    return {"errors": form.errors.get_json_data()}
