"""Start an operation: in this process, or in a worker."""

from __future__ import annotations

import json
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model

from token_rotation.operations.actions.group import Mode
from token_rotation.operations.actions.registry import registry
from token_rotation.operations.errors import ActionsFailedError, ClaimLostError, InputError
from token_rotation.operations.execution.claim import Claim
from token_rotation.operations.execution.dispatch import Dispatch
from token_rotation.operations.execution.perform import perform
from token_rotation.operations.lifecycle import Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.options import option
from token_rotation.operations.queue.broker import ensure_broker
from token_rotation.operations.queue.limits import check_countdown


def run(
    name: str, *, context_object: Model | None = None, started_by: Any = None, **kwargs: Any
) -> BatchOperation:
    """Run the group in the mode that its ``get_mode(**kwargs)`` chooses.

    ``kwargs``, JSON values, are the operation's ``input_data``.

    Raises UnknownGroupError, InputError, and the errors of ``run_synchronous`` or
    ``run_asynchronous``.
    """
    chosen = registry.get(name).get_mode(**kwargs)
    start = run_synchronous if chosen is Mode.SYNCHRONOUS else run_asynchronous
    return start(name, context_object=context_object, started_by=started_by, **kwargs)


def run_synchronous(
    name: str, *, context_object: Model | None = None, started_by: Any = None, **kwargs: Any
) -> BatchOperation:
    """Run the group in this process; return the finished operation.

    It makes no retries. If the caller rolls back its transaction, the record is rolled back too.

    Raises ActionsFailedError with the results, UnknownGroupError, InputError.
    """
    group = registry.get(name)
    operation = BatchOperation.objects.create_synchronous(
        group.name,
        context_object=context_object,
        started_by=started_by,
        input_data=_input_data(kwargs),
    )
    claim = Claim(operation, runner="")
    try:
        perform(claim, group, may_retry=lambda action, error: False)  # noqa: ARG005
    except Exception as error:
        if not claim.results:  # nothing of it has run, so there is nothing to attach
            raise
        raise ActionsFailedError(operation, claim.results) from error
    except BaseException as error:  # Ctrl-C
        _fail_if_running(claim, error)
        raise
    return operation


def run_asynchronous(
    name: str,
    *,
    context_object: Model | None = None,
    started_by: Any = None,
    countdown: float = 0,
    **kwargs: Any,
) -> BatchOperation:
    """Let a worker run the group; return the operation.

    The run begins ``countdown`` seconds from now. The task is sent when the caller's transaction is
    committed. Its only argument is the operation's id. With OPERATIONS_ALWAYS_SYNCHRONOUS this
    process runs the group at once.

    Raises UnavailableError when Celery or its broker is missing. Nothing is stored then. If the
    broker is lost before the COMMIT, the operation is finished as failed. Inside a transaction
    nobody can catch that last error any more, so an alert is sent instead.

    Raises UnknownGroupError, InputError.
    """
    group = registry.get(name)
    if option("OPERATIONS_ALWAYS_SYNCHRONOUS"):
        return run_synchronous(name, context_object=context_object, started_by=started_by, **kwargs)
    input_data = _input_data(kwargs)
    check_countdown(group, countdown)
    ensure_broker()
    operation = BatchOperation.objects.create_asynchronous(
        group.name,
        context_object=context_object,
        started_by=started_by,
        input_data=input_data,
        countdown=countdown,
    )
    Dispatch(operation, group, countdown).on_commit()
    return operation


def _input_data(kwargs: dict[str, Any]) -> dict[str, Any] | None:
    try:
        json.dumps(kwargs, cls=DjangoJSONEncoder, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"arguments are JSON values and ids, never objects: {error}") from None
    return kwargs or None


def _fail_if_running(claim: Claim, error: BaseException) -> None:
    try:
        if claim.operation.status == Status.RUNNING:
            claim.fail(error=error)
    except ClaimLostError:
        pass
