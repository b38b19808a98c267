"""Alerts to people: a mail, a log line, a signal.

ADMINS get the mail; the signal is for the project.
"""

from __future__ import annotations

import logging
from typing import Any

from django.core.mail import mail_admins
from django.dispatch import Signal

from token_rotation.operations.failures.describe import describe_unforeseen
from token_rotation.operations.failures.time_limit import is_time_limit
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.signals import operation_failed
from token_rotation.operations.stored_output import NO_REASON, read_errors

logger = logging.getLogger(__name__)


def alert_failure(operation: BatchOperation) -> None:
    """Report an operation that has finished as failed.

    The failure is stored already, so nothing is raised but Celery's soft time limit.
    """
    summary = f"{operation} failed: {reason(operation)}"
    logger.error("%s", summary)
    mail(f"{operation} failed", summary)
    tell(operation_failed, operation=operation)


def tell(signal: Signal, **named: Any) -> None:
    """Send one of this app's signals; log its receivers' errors."""
    try:
        answers = signal.send_robust(BatchOperation, **named)
    except Exception as error:  # Django logs a receiver's error, and that log's handlers may fail
        if is_time_limit(error):
            raise
        logger.exception("a signal did not reach every receiver")
        return
    for receiver, answer in answers:
        if isinstance(answer, Exception):
            if is_time_limit(answer):
                raise answer
            logger.error("%r failed", receiver, exc_info=answer)


def reason(operation: BatchOperation) -> str:
    """Return the stored errors in one line, without tracebacks.

    It reads every form in which errors were ever stored.
    """
    errors = read_errors(operation.output_data)
    lines = [f"{action}: {error}" if action else f"{error}" for action, error in errors]
    return "; ".join(lines) or NO_REASON


def mail(subject: str, message: str) -> None:
    """Mail ADMINS; log the failure of a mail server.

    Raises nothing but the soft time limit.
    """
    try:
        mail_admins(subject, message)
    except Exception as error:  # whatever it is, the caller's work is done and stays done
        if is_time_limit(error):
            raise
        # One line: a command that alerts may run in a terminal.
        logger.error(  # noqa: TRY400
            "no mail was sent (%s): %s", describe_unforeseen(error).type, subject
        )
