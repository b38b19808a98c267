"""Tell people: a mail to ADMINS, a line in the log, and a signal for the project's own ways."""

from __future__ import annotations

import logging
from typing import Any

from django.core.mail import mail_admins

from tickets.batch.models import BatchOperation
from tickets.batch.signals import operation_failed

logger = logging.getLogger(__name__)


def alert_failure(operation: BatchOperation) -> None:
    """Alert to an operation that has finished as failed. Never raises: the failure is stored."""
    summary = f"{operation} failed: {reason(operation)}"
    logger.error("%s", summary)
    mail(f"{operation} failed", summary)
    try:
        answers = operation_failed.send_robust(BatchOperation, operation=operation)
    except Exception:  # Django logs a receiver's error by itself, and that log's handlers may fail
        logger.exception("not everybody was told that %s failed", operation)
        return
    for receiver, answer in answers:
        if isinstance(answer, Exception):
            logger.error("%r failed for %s", receiver, operation, exc_info=answer)


def reason(operation: BatchOperation) -> str:
    """The stored error in one line, without its traceback."""
    output: dict[str, Any] = operation.output_data or {}
    errors = [(result["action"], result.get("error")) for result in output.get("actions", [])]
    errors.append(("", output.get("error")))
    lines = [
        f"{action + ': ' if action else ''}{error['type']}: {error['message']}"
        for action, error in errors
        if error
    ]
    return " ".join("; ".join(lines).split()) or "no reason is stored"


def mail(subject: str, message: str) -> None:
    """Mail ADMINS; a mail server that fails is logged."""
    try:
        mail_admins(subject, message)
    except Exception:  # whatever it is, the caller's work is done and stays done
        logger.exception("no mail was sent: %s", subject)
