"""Answers to buttons, and to the page's polling."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse

from token_rotation.page.commands import RefusedError
from token_rotation.page.htmx import HtmxDetails
from token_rotation.page.piece import Piece

NOTHING_NEW = 204


def answer(
    request: HttpRequest,
    do: Callable[[], str],
    pieces: Callable[[], Iterable[Piece]],
    *,
    page: str,
) -> HttpResponse:
    """Act, then send the outcome with the new pieces, or after a redirect to the page."""
    try:
        sentence, level = do(), messages.SUCCESS
    except RefusedError as error:
        sentence, level = str(error), messages.ERROR
    if not HtmxDetails(request):
        messages.add_message(request, level, sentence)
        return HttpResponseRedirect(reverse(page))
    context = {"sentence": sentence, "failed": level == messages.ERROR, "swapped": True}
    said = render_to_string("token_rotation/answer.html", context)
    return HttpResponse(said + _rendered(request, pieces()))


def news(request: HttpRequest, pieces: Iterable[Piece]) -> HttpResponse:
    """Send the pieces that have changed since the last answer.

    ``seen`` names the pieces that the open page has, as id:version.
    """
    seen = set(request.GET.getlist("seen"))
    changed = [piece for piece in pieces if f"{piece.id}:{piece.version}" not in seen]
    if not changed:
        return HttpResponse(status=NOTHING_NEW)
    return HttpResponse(_rendered(request, changed))


def _rendered(request: HttpRequest, pieces: Iterable[Piece]) -> str:
    return "".join(
        render_to_string("token_rotation/piece.html", {"piece": piece, "swapped": True}, request)
        for piece in pieces
    )
