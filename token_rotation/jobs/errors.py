"""Errors of jobs; each message is one line."""

from token_rotation.operations.errors import OperationError


class JobError(OperationError):
    """The root of the errors of jobs."""


class CollectionError(JobError):
    """A collection that a job cannot go through, or no longer."""


class UnknownJobError(JobError):
    """A name that no job has."""


class RunningElsewhereError(JobError):
    """A job that another process runs now."""


class TooManySetAsideError(JobError):
    """More items failed than the job allows."""


class UnfinishedError(JobError):
    """An attempt whose time is up: the next one goes on. Not a failure."""
