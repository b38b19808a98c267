"""Execute each action of an operation once; store the results."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections, transaction

from token_rotation.operations.actions.action import Action
from token_rotation.operations.actions.group import ActionGroup
from token_rotation.operations.errors import (
    ActionsFailedError,
    ClaimLostError,
    NextAttemptError,
    RetryableError,
    StoppedError,
)
from token_rotation.operations.execution.claim import Claim
from token_rotation.operations.execution.heartbeat import beating
from token_rotation.operations.failures.describe import describe
from token_rotation.operations.failures.time_limit import is_time_limit
from token_rotation.operations.options import option
from token_rotation.operations.results import FAILED, SUCCESSFUL

MayRetry = Callable[[Action, Exception], bool]


def perform(claim: Claim, group: ActionGroup, *, may_retry: MayRetry) -> None:
    """Execute the remaining actions, and finish the operation.

    Begins at the first action without a successful result. When an action fails, the operation is
    finished as failed and the action's error raised; where the group continues, after the other
    actions have run. Where ``may_retry`` returns True, the operation is handed back instead, and
    RetryableError raised. NextAttemptError of an action does the same, and counts as no failure.
    Raises StoppedError when a stop was requested between two actions,
    ClaimLostError, and ActionsFailedError when only an earlier attempt met a failure.
    """
    first_error: Exception | None = None
    for kind in group.actions:
        if kind.name in _ended(claim, group):
            continue
        _fail_if_stopped(claim)
        action = kind()
        action.is_in_worker = claim.runner != ""
        error = _attempt(claim, action, may_retry, group)
        first_error = first_error or error
    if first_error is not None or claim.results.failed:
        claim.fail()
        raise first_error or ActionsFailedError(claim.operation)
    claim.succeed()


def _ended(claim: Claim, group: ActionGroup) -> set[str]:
    """Return the names of the actions that are not executed again."""
    return {
        each.name
        for each in claim.results
        if not each.failed or (group.continue_after_failure and not each.is_retried)
    }


def _fail_if_stopped(claim: Claim) -> None:
    with claim.locked() as stored:
        stopped = stored.stop_requested_at is not None
    if stopped:
        error = StoppedError(f"{claim.operation} was asked to stop")
        claim.fail(error=error)
        raise error


def _attempt(
    claim: Claim, action: Action, may_retry: MayRetry, group: ActionGroup
) -> Exception | None:
    """Execute an action and store its result. Return the failure after which others still run."""
    connection = connections[claim.database]
    whole = action.atomic or connection.in_atomic_block
    started = time.monotonic()

    def result(status: str, **more: Any) -> dict[str, Any]:
        seconds = round(time.monotonic() - started, 3)
        return {"action": action.name, "status": status, "seconds": seconds, **more}

    try:
        in_one_transaction = transaction.atomic(using=claim.database) if whole else nullcontext()
        with _heartbeat(claim, action), in_one_transaction:
            value = _json_value(action.execute(claim.operation))
            claim.store(result(SUCCESSFUL, value=value))
    except ClaimLostError:
        raise
    except NextAttemptError:
        claim.hand_on()
        raise
    except Exception as error:
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
        failure = result(FAILED, error=describe(error).as_json())
        if may_retry(action, error):
            claim.hand_back({**failure, "retried": True})
            raise RetryableError(f"{claim.operation}: {action.name} is tried again") from error
        if group.continue_after_failure and not is_time_limit(error):
            claim.store(failure)
            return error
        claim.fail(failure)
        raise
    return None


def _heartbeat(claim: Claim, action: Action) -> AbstractContextManager[None]:
    """Return a heartbeat for the action; none inside a transaction.

    Nobody else sees the operation before the transaction ends.
    """
    if connections[claim.database].in_atomic_block:
        return nullcontext()
    return beating(
        partial(action.beat, claim.beat),
        interval_seconds=action.beat_every_seconds or option("OPERATIONS_LEASE_SECONDS") / 4,
        database=claim.database,
    )


def _json_value(value: Any) -> Any:
    """Return the value as it is read back.

    Raises TypeError or ValueError when it cannot be stored.
    """
    text = json.dumps(value, cls=DjangoJSONEncoder, allow_nan=False)
    if "\\u0000" in text:
        raise ValueError("a NUL character cannot be stored as JSON")
    return json.loads(text)
