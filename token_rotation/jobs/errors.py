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


class LostShareError(JobError):
    """A run whose share has no record any more, so that nobody knows what is left."""


class TooManySetAsideError(JobError):
    """More items failed than the job allows."""


class ParametersError(JobError):
    """Parameters that the job's form refuses, or that a run of this kind cannot take."""


class FileStorageError(JobError):
    """A file that cannot be stored where workers read it."""


class NeedsApprovalError(JobError):
    """A run that begins only when a second person approves it."""


class NothingToRetryError(JobError):
    """Items that were set aside, but cannot be retried by themselves, or no longer."""
