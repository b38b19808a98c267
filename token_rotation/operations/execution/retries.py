"""Which failures are tried again, and when."""

from __future__ import annotations

from token_rotation.operations.actions.action import Action
from token_rotation.operations.actions.group import ActionGroup
from token_rotation.operations.actions.registry import registry
from token_rotation.operations.errors import UnknownGroupError
from token_rotation.operations.execution.claim import Claim
from token_rotation.operations.failures.time_limit import is_time_limit
from token_rotation.operations.options import option

MOST_DOUBLINGS = 20


def longest_pause_seconds(retries: int) -> float:
    """Return the longest pause before the next retry, after so many of them."""
    first = max(1, option("OPERATIONS_RETRY_BACKOFF_SECONDS"))
    longest = option("OPERATIONS_RETRY_BACKOFF_MAX_SECONDS")
    return float(min(longest, first * 2 ** min(retries, MOST_DOUBLINGS)))


def may_retry(action: Action, error: Exception, *, has_retries: bool) -> bool:
    """Return True for an error of the action that may pass, unless its retries are over."""
    # An action may name Exception: a time limit is one, and trying again would not help.
    return has_retries and isinstance(error, action.retry_for) and not is_time_limit(error)


def group_of(claim: Claim) -> ActionGroup:
    """Return the operation's group.

    Where this worker's code has none, the operation fails at once, and UnknownGroupError is raised.
    """
    # Not later: Celery hands on_failure a base class of an error that it cannot pickle.
    try:
        return registry.group_of(claim.operation)
    except UnknownGroupError as error:
        claim.fail(error=error)
        raise
