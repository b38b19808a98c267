"""The rotation page, its live parts, and its buttons."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST, require_safe

from token_rotation.errors import RotationError
from token_rotation.jobs.registry import all_jobs
from token_rotation.pacing.pace import Pace
from token_rotation.page import commands
from token_rotation.page.access import button, may_control, staff_page, watching
from token_rotation.page.answer import answer, news
from token_rotation.page.commands import RefusedError
from token_rotation.page.forms import PaceForm
from token_rotation.page.htmx import HttpResponseClientRefresh
from token_rotation.page.look import looks
from token_rotation.page.panel.panel import Panel, panel_of
from token_rotation.page.piece import Piece
from token_rotation.page.targets import shown_targets, target_labelled
from token_rotation.selection.target import Target


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
    return render(
        request,
        "token_rotation/page.html",
        {"panels": panels, "error": problem, "has_jobs": bool(all_jobs())},
    )


@require_GET
@watching
@staff_page
def live(request: HttpRequest) -> HttpResponse:
    """Send the pieces that have changed since the last answer."""
    try:
        panels = _panels(request)
    except RotationError:
        return HttpResponseClientRefresh()  # the page names the problem and stops polling
    return news(request, [piece for panel in panels for piece in panel.pieces])


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
    def act() -> str:
        try:
            return do()
        finally:
            looks.forget(target)

    def pieces() -> tuple[Piece, ...]:
        return panel_of(target, may_control=may_control(request)).pieces

    return answer(request, act, pieces, page="token_rotation:page")
