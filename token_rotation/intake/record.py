"""The stored record of a report: counts and sources, never a token.

A record that cannot be written stops no rotation.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

from django.db import DatabaseError, InterfaceError, router

from token_rotation.intake.outcome import LeakOutcome
from token_rotation.intake.report import LeakReport
from token_rotation.operations.errors import OperationError
from token_rotation.operations.lifecycle import Status
from token_rotation.operations.models import BatchOperation
from token_rotation.postgres.faults.failures import reason_of
from token_rotation.postgres.opening import own_session

OPERATION_TYPE = "leak report"
CONNECT_SECONDS = 3
logger = logging.getLogger(__name__)


class ReportRecord:
    """One operation for each report; a replay that finds nothing to do writes none."""

    def __init__(self, report: LeakReport) -> None:
        self._report = report
        self._operation: BatchOperation | None = None
        self._is_repeat = False

    @property
    def is_repeat(self) -> bool:
        """Return True if the same report was dealt with before."""
        return self._is_repeat

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Begin the record; end it as failed if what happens inside raises.

        On a session of its own, so that no transaction of a request takes it back.
        """
        with own_session(router.db_for_write(BatchOperation), connect_seconds=CONNECT_SECONDS):
            with self._written():
                self._operation = self._begun(self._report.key or uuid4())
                self._is_repeat = self._operation.status == Status.FINISHED
            try:
                yield
            except BaseException as error:
                with self._written():
                    if self._operation is not None and not self._is_repeat:
                        self._operation.finish(
                            failed=True, output_data={"error": type(error).__name__}
                        )
                raise

    def end(self, outcome: LeakOutcome) -> None:
        """Write the counts. Where another delivery has ended the record, write one more."""
        if self._is_repeat and not outcome.has_acted:
            return
        with self._written():
            operation, counts = self._operation, outcome.as_counts()
            if operation is None or self._is_repeat:
                operation = self._begun(uuid4())
            failed = not outcome.is_complete
            operation.finish(failed=failed, output_data=counts)
            if operation.output_data != counts and outcome.has_acted:
                self._begun(uuid4()).finish(failed=failed, output_data=counts)

    def _begun(self, key: UUID) -> BatchOperation:
        return BatchOperation.objects.create_synchronous(
            OPERATION_TYPE,
            key=key,
            input_data={"door": self._report.door, "sources": self._report.sources},
            progress_total=len(self._report.tokens),
        )

    @contextmanager
    def _written(self) -> Iterator[None]:
        try:
            yield
        except (DatabaseError, InterfaceError, OperationError) as error:
            logger.warning("a leak report could not be recorded: %s", reason_of(error))
