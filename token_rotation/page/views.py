"""The rotation page, its live parts, and its buttons."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST, require_safe

from token_rotation.errors import RotationError
from token_rotation.pacing.pace import Pace
from token_rotation.page import commands
from token_rotation.page.access import button, may_control, staff_page, watching
from token_rotation.page.commands import RefusedError
from token_rotation.page.forms import PaceForm
from token_rotation.page.htmx import HtmxDetails, HttpResponseClientRefresh
from token_rotation.page.look import looks
from token_rotation.page.panel.panel import Panel, Piece, panel_of
from token_rotation.page.targets import shown_targets, target_labelled
from token_rotation.selection.target import Target

NOTHING_NEW = 204


@require_safe
@staff_page
def page(request: HttpRequest) -> HttpResponse:
    """Show the whole page, which also works without scripts."""
    panels: list[Panel] = []
    problem = None
    try:
        panels = _panels(request)
    except RotationError as error:
        problem = str(error)
    return render(request, "token_rotation/page.html", {"panels": panels, "error": problem})


@require_GET
@watching
@staff_page
def live(request: HttpRequest) -> HttpResponse:
    """Send the pieces that have changed since the last answer.

    ``seen`` names the pieces that the open page has, as id:version.
    """
    seen = set(request.GET.getlist("seen"))
    try:
        panels = _panels(request)
    except RotationError:
        return HttpResponseClientRefresh()  # the page names the problem and stops polling
    changed = [
        piece
        for panel in panels
        for piece in panel.pieces
        if f"{piece.id}:{piece.version}" not in seen
    ]
    if not changed:
        return HttpResponse(status=NOTHING_NEW)
    return HttpResponse(_rendered(request, changed))


@require_POST
@button
def start(request: HttpRequest, label: str) -> HttpResponse:
    target = _target(label)
    return _answer(
        request, target, lambda: commands.start(target, _chosen(request, Pace()), request.user)
    )


@require_POST
@button
def stop(request: HttpRequest, label: str, number: int) -> HttpResponse:
    target = _target(label)
    return _answer(request, target, lambda: commands.stop(target, number))


@require_POST
@button
def pace(request: HttpRequest, label: str, number: int) -> HttpResponse:
    target = _target(label)
    choose = partial(_chosen, request)
    return _answer(request, target, lambda: commands.change_pace(target, number, choose))


def _panels(request: HttpRequest) -> list[Panel]:
    permitted = may_control(request)
    return [panel_of(target, may_control=permitted) for target in shown_targets()]


def _target(label: str) -> Target:
    target = target_labelled(label)
    if target is None:
        raise Http404
    return target


def _chosen(request: HttpRequest, before: Pace) -> Pace:
    form = PaceForm(request.POST, before)
    if not form.is_valid():
        raise RefusedError(form.complaint)
    return form.pace


def _answer(request: HttpRequest, target: Target, do: Callable[[], str]) -> HttpResponse:
    """Act, then send the outcome.

    It goes with the new pieces, or after a redirect.
    """
    try:
        sentence, level = do(), messages.SUCCESS
    except RefusedError as error:
        sentence, level = str(error), messages.ERROR
    looks.forget(target)
    if not HtmxDetails(request):
        messages.add_message(request, level, sentence)
        return HttpResponseRedirect(reverse("token_rotation:page"))
    panel = panel_of(target, may_control=may_control(request))
    context = {"sentence": sentence, "failed": level == messages.ERROR, "swapped": True}
    said = render_to_string("token_rotation/answer.html", context)
    return HttpResponse(said + _rendered(request, panel.pieces))


def _rendered(request: HttpRequest, pieces: Iterable[Piece]) -> str:
    return "".join(
        render_to_string("token_rotation/piece.html", {"piece": piece, "swapped": True}, request)
        for piece in pieces
    )
