"""The jobs of this project, by name.

Apps register theirs in a module ``actions``, which Django imports when it starts.
"""

from __future__ import annotations

from typing import TypeVar

from token_rotation.jobs.errors import JobError, UnknownJobError
from token_rotation.jobs.job import Job
from token_rotation.jobs.parameters.form import ensure_usable
from token_rotation.jobs.workers.group import JobGroup
from token_rotation.operations.actions.registry import registry

AnyJob = TypeVar("AnyJob", bound=type[Job])
_jobs: dict[str, type[Job]] = {}


def register(job: AnyJob) -> AnyJob:
    """Add a job; it may decorate the class.

    Its name is that of a group of actions, too. Raises JobError where another has it, or
    where its form cannot be used.
    """
    ensure_usable(job)
    if _jobs.setdefault(job.name, job) is not job:
        raise JobError(f"a job named {job.name!r} is registered already")
    registry.register(JobGroup(job))
    return job


def job_named(name: str) -> type[Job]:
    """Return the job of that name. Raises UnknownJobError, which lists those that there are."""
    try:
        return _jobs[name]
    except KeyError:
        known = ", ".join(sorted(_jobs)) or "none"
        raise UnknownJobError(f"no job is named {name!r}; registered: {known}") from None


def all_jobs() -> tuple[type[Job], ...]:
    """Return the registered jobs in the order of their names."""
    return tuple(_jobs[name] for name in sorted(_jobs))
