"""Deal with a report that came over HTTP."""

from __future__ import annotations

import logging

from token_rotation.errors import RotationError
from token_rotation.intake.outcome import LeakOutcome
from token_rotation.intake.report import LeakReport
from token_rotation.intake.take_in import take_in

logger = logging.getLogger(__name__)


def completed(report: LeakReport) -> LeakOutcome | None:
    """Return what became of the tokens; None if the sender must send them again.

    The log says why.
    """
    try:
        outcome = take_in(report)
    except RotationError as error:
        logger.error("a leak report was not dealt with: %s", error)  # noqa: TRY400  (frames hold tokens)
        return None
    if outcome.is_complete:
        return outcome
    logger.warning("a leak report is not finished: %s", outcome.as_counts())
    return None
