"""The claim of an attempt: one attempt at a time.

A claim is a lease. ``runner`` holds the attempt's name, and its heartbeat renews the lease. An
attempt that was silent for longer may be replaced. Its later writes are refused: each write locks
the row, and the row must still name the attempt.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import router, transaction
from django.db.models.functions import Now

from token_rotation.operations.errors import ClaimLostError, NotRunningError
from token_rotation.operations.failures.describe import describe
from token_rotation.operations.lifecycle import Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.options import option
from token_rotation.operations.record.resend_time import resend_at
from token_rotation.operations.results import GroupResult, read_results
from token_rotation.operations.stored_output import read_actions, read_number, read_object
from token_rotation.postgres.transaction_settings import without_standby

# The runner of an operation that has begun and is between two attempts.
WAITING = "(waiting for its next attempt)"


class Claim:
    """An attempt that holds the operation.

    Every method raises ClaimLostError once the attempt does not hold it. The operation's
    ``output_data`` stores ``actions``, the result of each action in the order of the group. It also
    stores ``losses``, the number of workers that the operation has lost, and ``retries``.
    """

    def __init__(
        self, operation: BatchOperation, runner: str, *, retry_within_seconds: float | None = None
    ) -> None:
        self.operation = operation
        self.runner = runner
        self.retry_within_seconds = retry_within_seconds

    @property
    def results(self) -> GroupResult:
        return self.operation.results

    @property
    def database(self) -> str:
        return router.db_for_write(BatchOperation)

    def beat(self, done: int | None = None, total: int | None = None, live: Any = None) -> bool:
        """Renew the lease and write progress.

        Returns True when a stop was requested.
        """
        try:
            return self.operation.beat(done, total, live, runner=self.runner)
        except NotRunningError:
            raise self._lost() from None

    def store(self, result: dict[str, Any]) -> None:
        """Store an action's result in place of its former one."""
        with self.locked() as stored:
            write(stored, result)
        self.operation.output_data = stored.output_data

    def hand_back(self, result: dict[str, Any] | None = None) -> None:
        """Leave the operation to the next attempt, after a failure.

        The failed action's result is stored, and one retry more is counted.
        """
        with self.locked() as stored:
            pause_seconds = self._retry_pause()
            again = retries(stored) + 1
            write(stored, result, runner=WAITING, retries=again, retry_within_seconds=pause_seconds)

    def hand_on(self) -> None:
        """Leave the operation to the next attempt, which begins at once. Nothing has failed."""
        with self.locked() as stored:
            write(stored, None, runner=WAITING, retries=0, retry_within_seconds=0)

    def lose(self) -> None:
        """Leave the operation to the next attempt.

        This attempt's worker has died.
        """
        with self.locked() as stored:
            write(stored, None, runner=WAITING, more_losses=1, retry_within_seconds=0)

    def succeed(self) -> None:
        with self.locked() as stored:
            stored.finish(output_data=stored.output_data)
        self.operation.refresh_from_db()

    def fail(
        self, result: dict[str, Any] | None = None, error: BaseException | None = None
    ) -> None:
        """Finish the operation as failed.

        Stores an action's result, or an error of the run as a whole.
        """
        with self.locked() as stored:
            write(stored, result)
            output = read_object(stored.output_data)
            if error is not None:
                output["error"] = describe(error).as_json()
            stored.finish(failed=True, output_data=output)
        self.operation.refresh_from_db()

    @contextmanager
    def locked(self) -> Iterator[BatchOperation]:
        """The stored row, locked until the end of the transaction."""
        with without_standby(self.database), transaction.atomic(using=self.database):
            stored = (
                BatchOperation.objects.using(self.database)
                .select_for_update(no_key=True)
                .filter(pk=self.operation.pk, status=Status.RUNNING, runner=self.runner)
                .first()
            )
            if stored is None:
                raise self._lost()
            yield stored

    def _retry_pause(self) -> float:
        longest: float = option("OPERATIONS_RETRY_BACKOFF_MAX_SECONDS")
        return longest if self.retry_within_seconds is None else self.retry_within_seconds

    def _lost(self) -> ClaimLostError:
        return ClaimLostError(f"{self.operation} is no longer held by {self.runner!r}")


def successes(output: Any) -> set[str]:
    """The names of the actions that need not run again."""
    return {each.name for each in read_results(output) if not each.failed}


def losses(stored: BatchOperation) -> int:
    return int(read_number(read_object(stored.output_data).get("losses")))


def retries(stored: BatchOperation) -> int:
    """How often it was handed back since an attempt last did its share."""
    return int(read_number(read_object(stored.output_data).get("retries")))


def write(
    stored: BatchOperation,
    result: dict[str, Any] | None,
    *,
    runner: str | None = None,
    more_losses: int = 0,
    retries: int | None = None,
    retry_within_seconds: float | None = None,
) -> None:
    """Change the locked row: a result, the runner, the heartbeat.

    A stored success stays: its COMMIT may look like a failure, because the answer was lost.
    ``retry_within_seconds`` is the time in which the message of the next attempt arrives; None
    while an attempt has the operation.
    """
    output = read_object(stored.output_data)
    if result is not None and result["action"] not in successes(output):
        others = [
            known for known in read_actions(output) if known.get("action") != result["action"]
        ]
        output["actions"] = [*others, result]
    if more_losses:
        output["losses"] = losses(stored) + more_losses
    if retries:
        output["retries"] = retries
    elif retries == 0:
        output.pop("retries", None)
    stored.output_data = output or None
    stored.runner = stored.runner if runner is None else runner
    stored.heartbeat_at = Now()
    stored.send_again_at = None if retry_within_seconds is None else resend_at(retry_within_seconds)
    stored.sent_again = 0
    stored.save(
        update_fields=["output_data", "runner", "heartbeat_at", "send_again_at", "sent_again"]
    )
