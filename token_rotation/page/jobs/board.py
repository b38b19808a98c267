"""Everything that the page shows of jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4
from zlib import crc32

from django import forms
from django.db import router
from django.db.models.functions import Now
from django.utils.text import capfirst, slugify

from token_rotation.jobs.errors import FileStorageError
from token_rotation.jobs.job import Job, summary_of
from token_rotation.jobs.parameters.form import form_of, is_file, is_secret
from token_rotation.jobs.parameters.storing import storage
from token_rotation.jobs.registry import all_jobs
from token_rotation.operations.models import BatchOperation
from token_rotation.page.jobs.runs import Run, runs_of
from token_rotation.page.piece import Piece
from token_rotation.postgres.faults.failures import reason_of
from token_rotation.run.recording.record import DATABASE_ERRORS, briefly

RUNS_SHOWN = 6


@dataclass(frozen=True, slots=True)
class JobRuns:
    """The last runs of a job; ``unreadable_because`` says why there are none, else it is ""."""

    runs: tuple[Run, ...]
    may_control: bool
    unreadable_because: str = ""


@dataclass(frozen=True, slots=True)
class JobPanel:
    job: type[Job]
    slug: str
    summary: str
    form: forms.Form
    key: Piece
    cannot_start_because: str
    runs: Piece


def panels_of(user: Any, *, may_control: bool) -> list[JobPanel]:
    jobs = all_jobs()
    return [
        JobPanel(
            job=job,
            slug=slug_of(job),
            summary=summary_of(job),
            form=shown_form(job),
            key=new_key(job),
            cannot_start_because=cannot_start_because(job),
            runs=runs,
        )
        for job, runs in zip(jobs, run_pieces(jobs, user, may_control=may_control), strict=True)
    ]


def slug_of(job: type[Job]) -> str:
    return f"{slugify(job.name)}-{crc32(job.name.encode()):x}"


def new_key(job: type[Job]) -> Piece:
    """Return the key of the next run that the form starts: one sent twice starts one run."""
    return Piece("job_key", slug_of(job), uuid4())


def shown_form(job: type[Job]) -> forms.Form:
    """Return the form without secrets: workers are given none."""
    form = form_of(job, auto_id=f"{slug_of(job)}-%s")
    for name in [name for name, field in form.fields.items() if is_secret(field)]:
        del form.fields[name]
    return form


def cannot_start_because(job: type[Job]) -> str:
    """Return a sentence, or "" where the form can start a run."""
    fields = form_of(job).fields
    secret = next((name for name, it in fields.items() if is_secret(it) and it.required), None)
    if secret is not None:
        return f"Workers are given no secret: python manage.py run_job {job.name} --secret {secret}"
    try:
        if any(is_file(field) and field.required for field in fields.values()):
            storage()
    except FileStorageError as error:
        return f"{capfirst(str(error))}."
    return ""


def run_pieces(jobs: Sequence[type[Job]], user: Any, *, may_control: bool) -> list[Piece]:
    """Return the last runs of each job, read in one short transaction."""
    database = router.db_for_read(BatchOperation)
    try:
        with briefly(database):
            read = [JobRuns(_runs(job, database, user), may_control) for job in jobs]
    except DATABASE_ERRORS as error:
        read = [JobRuns((), may_control, reason_of(error)) for _ in jobs]
    return [Piece("job_runs", slug_of(job), runs) for job, runs in zip(jobs, read, strict=True)]


def _runs(job: type[Job], database: str, user: Any) -> tuple[Run, ...]:
    records = BatchOperation.objects.using(database).of_type(job.name)
    timed = records.select_related("started_by").annotate(read_at=Now())
    return runs_of(list(timed[:RUNS_SHOWN].readable()), user)
