"""The page of jobs, its live parts, and its buttons."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_POST, require_safe

from token_rotation.jobs.errors import UnknownJobError
from token_rotation.jobs.job import Job
from token_rotation.jobs.parameters.form import is_file
from token_rotation.jobs.parameters.storing import most_bytes
from token_rotation.jobs.registry import all_jobs, job_named
from token_rotation.operations.options import option
from token_rotation.page.access import button, may_control, staff_page, watching
from token_rotation.page.answer import answer, news
from token_rotation.page.commands import RefusedError
from token_rotation.page.jobs import commands
from token_rotation.page.jobs.board import new_key, panels_of, run_pieces, shown_form
from token_rotation.page.jobs.upload import BoundedUpload, bound_uploads
from token_rotation.page.piece import Piece

PAGE = "token_rotation:jobs"
KEY = "run-key"
"""No parameter has this name: it is no identifier."""


@require_safe
@staff_page
def jobs(request: HttpRequest) -> HttpResponse:
    """Show the whole page, which also works without scripts."""
    permitted = may_control(request)
    panels = panels_of(request.user, may_control=permitted)
    return render(request, "token_rotation/jobs.html", {"panels": panels, "may_control": permitted})


@require_GET
@watching
@staff_page
def live(request: HttpRequest) -> HttpResponse:
    """Send the runs that have changed since the last answer."""
    return news(request, _pieces(request, *all_jobs()))


@csrf_exempt  # it is checked below, once the size of an upload is bounded
def start(request: HttpRequest, name: str) -> HttpResponse:
    bounded = bound_uploads(request, most_bytes() if may_control(request) else 0)
    return _start(request, name, bounded)


@csrf_protect
@require_POST
@button
def _start(request: HttpRequest, name: str, uploads: BoundedUpload) -> HttpResponse:
    job = _job(name)
    keys: list[Piece] = []

    def act() -> str:
        values = _posted(request, job, uploads)
        said = commands.start(job, values, request.user, _key(request))
        keys.append(new_key(job))  # for the next run: this one's has done its duty
        return said

    return answer(request, act, lambda: [*_pieces(request, job), *keys], page=PAGE)


@require_POST
@button
def act(request: HttpRequest, number: int, name: str) -> HttpResponse:
    operation = commands.find(number)
    if operation is None or name not in commands.ACTS:
        raise Http404
    job = commands.job_of(operation)
    return answer(
        request,
        lambda: commands.act(operation, name, request.user),
        lambda: _pieces(request, job),
        page=PAGE,
    )


def _pieces(request: HttpRequest, *jobs: type[Job]) -> list[Piece]:
    return run_pieces(jobs, request.user, may_control=may_control(request))


def _job(name: str) -> type[Job]:
    try:
        return job_named(name)
    except UnknownJobError:
        raise Http404 from None


def _posted(request: HttpRequest, job: type[Job], uploads: BoundedUpload) -> dict[str, Any]:
    """Return the values of the form as its widgets read them. Raises RefusedError."""
    posted = request.POST  # only then the body is read
    if uploads.refused:
        megabytes = option("OPERATIONS_JOB_FILE_MEGABYTES")
        raise RefusedError(
            f"Nothing was started: {uploads.refused[0]} is larger than {megabytes:g} MB "
            "(OPERATIONS_JOB_FILE_MEGABYTES)."
        )
    return {
        name: request.FILES.get(name)
        if is_file(field)
        else field.widget.value_from_datadict(posted, request.FILES, name)
        for name, field in shown_form(job).fields.items()
    }


def _key(request: HttpRequest) -> UUID:
    try:
        return UUID(request.POST.get(KEY, ""))
    except ValueError:
        raise RefusedError("Nothing was started: reload the page, and try again.") from None
