"""Start an operation: in this process, or in a worker."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model

from token_rotation.operations.actions.group import ActionGroup, OperationOptions
from token_rotation.operations.actions.registry import registry
from token_rotation.operations.errors import ActionsFailedError, ClaimLostError, InputError
from token_rotation.operations.execution.claim import Claim
from token_rotation.operations.execution.dispatch import Dispatch
from token_rotation.operations.execution.perform import perform
from token_rotation.operations.lifecycle import Mode, Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.options import option
from token_rotation.operations.queue.broker import check_countdown, ensure_broker, queue_of


def run(
    name: str,
    *,
    context_object: Model | None = None,
    started_by: Any = None,
    route: str | None = None,
    **kwargs: Any,
) -> BatchOperation:
    """Run the group in the mode that its ``get_mode(**kwargs)`` chooses.

    ``kwargs``, JSON values, are the operation's ``input_data``. ``route`` counts where a worker
    runs it.

    Raises UnknownGroupError, InputError, and the errors of ``run_synchronous`` or
    ``run_asynchronous``.
    """
    who = {"context_object": context_object, "started_by": started_by}
    if registry.get(name).get_mode(**kwargs) is Mode.SYNCHRONOUS:
        return run_synchronous(name, **who, **kwargs)
    return run_asynchronous(name, **who, route=route, **kwargs)


def run_synchronous(
    name: str, *, context_object: Model | None = None, started_by: Any = None, **kwargs: Any
) -> BatchOperation:
    """Run the group in this process; return the finished operation.

    It makes no retries. If the caller rolls back its transaction, the record is rolled back too.

    Raises ActionsFailedError with the results, UnknownGroupError, InputError.
    """
    group = registry.get(name)
    operation = BatchOperation.objects.create_synchronous(
        **_options(group, context_object, started_by, kwargs)
    )
    claim = Claim(operation, runner="")
    try:
        perform(claim, group, may_retry=lambda action, error: False)  # noqa: ARG005
    except Exception as error:
        if not claim.results:  # nothing of it has run, so there is nothing to attach
            raise
        raise ActionsFailedError(operation) from error
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
    route: str | None = None,
    **kwargs: Any,
) -> BatchOperation:
    """Let a worker run the group; return the operation.

    The run begins ``countdown`` seconds from now. ``route`` is the alias of a queue for this run
    alone, instead of what the group's ``get_route(**kwargs)`` chooses. The task is sent when the
    caller's transaction is committed. Its only argument is the operation's id. With
    OPERATIONS_ALWAYS_SYNCHRONOUS this process runs the group at once.

    Raises UnavailableError when the backend or its broker is missing. Nothing is stored then. If
    the broker is lost before the COMMIT, the operation is finished as failed. Inside a transaction
    nobody can catch that last error any more, so an alert is sent instead.

    Raises UnknownGroupError, InputError.
    """
    group = registry.get(name)
    if option("OPERATIONS_ALWAYS_SYNCHRONOUS"):
        return run_synchronous(name, context_object=context_object, started_by=started_by, **kwargs)
    options = _options(group, context_object, started_by, kwargs)
    chosen = group.get_route(**kwargs) if route is None else route
    queue_of(chosen)
    check_countdown(group, countdown)
    ensure_broker()
    operation = BatchOperation.objects.create_asynchronous(
        **options, countdown=countdown, route="" if chosen == group.route else chosen
    )
    Dispatch(operation, group, countdown).on_commit()
    return operation


def _options(
    group: ActionGroup, context_object: Model | None, started_by: Any, kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Return what is stored of a run. Raises InputError."""
    given = OperationOptions(group.name, context_object, started_by, kwargs or None)
    chosen = group.get_options(given)
    _require_json(chosen.input_data)
    stored = {each.name: getattr(chosen, each.name) for each in fields(chosen)}
    return {**stored, "group_name": group.name}


def _require_json(value: Any) -> None:
    try:
        json.dumps(value, cls=DjangoJSONEncoder, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"arguments are JSON values and ids, never objects: {error}") from None


def _fail_if_running(claim: Claim, error: BaseException) -> None:
    try:
        if claim.operation.status == Status.RUNNING:
            claim.fail(error=error)
    except ClaimLostError:
        pass
