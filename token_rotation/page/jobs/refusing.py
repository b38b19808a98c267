"""Errors of a button, as a sentence for who pressed it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from token_rotation.jobs.job import Job
from token_rotation.operations.errors import NotRunningError, OperationError, UnavailableError
from token_rotation.page.commands import RefusedError
from token_rotation.postgres.faults.failures import reason_of
from token_rotation.run.recording.record import DATABASE_ERRORS

logger = logging.getLogger(__name__)


@contextmanager
def refusing(what: str, job: type[Job]) -> Iterator[None]:
    """Raise RefusedError for errors while inside; ``what`` begins its sentence.

    Lets NotRunningError through.
    """
    try:
        yield
    except NotRunningError:
        raise
    except UnavailableError as error:
        terminal = f"This works without workers, in a terminal: python manage.py run_job {job.name}"
        way_out = "" if job.needs_approval else f". {terminal}"
        raise RefusedError(f"{what}: {error}{way_out}") from None
    except OperationError as error:
        raise RefusedError(f"{what}: {error}.") from None
    except DATABASE_ERRORS as error:
        raise RefusedError(f"It may have been done; look below: {reason_of(error)}.") from None
    except Exception as error:
        logger.exception("a button of %s fails", job.name)
        raise RefusedError(
            f"{what}: the code of {job.name} raises {type(error).__name__}; the site's log explains"
            " it. Perhaps the job needs parameters, and has no form for them."
        ) from None
