"""Bulk operations: records, and actions run here or by workers.

A reusable Django app that knows nothing of tokens. It needs PostgreSQL, a user model,
django.contrib.contenttypes and django-pgtrigger. The record is ``models.BatchOperation``.
"""

from typing import TYPE_CHECKING

from token_rotation._public import public_names

if TYPE_CHECKING:
    from token_rotation.operations.actions.action import Action, Beat, action_factory
    from token_rotation.operations.actions.group import (
        ActionGroup,
        OperationOptions,
        Route,
    )
    from token_rotation.operations.actions.registry import registry
    from token_rotation.operations.errors import ActionError
    from token_rotation.operations.execution.heartbeat import Heartbeat
    from token_rotation.operations.execution.run import run, run_asynchronous, run_synchronous
    from token_rotation.operations.failures.describe import (
        describe_explained,
        describe_unforeseen,
    )
    from token_rotation.operations.lifecycle import Mode, Result, Status
    from token_rotation.operations.results import ActionResult, GroupResult
    from token_rotation.operations.signals import operation_failed, operation_unfinished
    from token_rotation.operations.stored_output import StoredError

__all__ = [
    "Action",
    "ActionError",
    "ActionGroup",
    "ActionResult",
    "Beat",
    "GroupResult",
    "Heartbeat",
    "Mode",
    "OperationOptions",
    "Result",
    "Route",
    "Status",
    "StoredError",
    "action_factory",
    "describe_explained",
    "describe_unforeseen",
    "operation_failed",
    "operation_unfinished",
    "registry",
    "run",
    "run_asynchronous",
    "run_synchronous",
]

if not TYPE_CHECKING:  # a type checker would take any name at all for granted
    __getattr__ = public_names(
        __name__,
        {
            "Action": "token_rotation.operations.actions.action",
            "ActionError": "token_rotation.operations.errors",
            "ActionGroup": "token_rotation.operations.actions.group",
            "ActionResult": "token_rotation.operations.results",
            "Beat": "token_rotation.operations.actions.action",
            "GroupResult": "token_rotation.operations.results",
            "Heartbeat": "token_rotation.operations.execution.heartbeat",
            "Mode": "token_rotation.operations.lifecycle",
            "OperationOptions": "token_rotation.operations.actions.group",
            "Result": "token_rotation.operations.lifecycle",
            "Route": "token_rotation.operations.actions.group",
            "Status": "token_rotation.operations.lifecycle",
            "StoredError": "token_rotation.operations.stored_output",
            "action_factory": "token_rotation.operations.actions.action",
            "describe_explained": "token_rotation.operations.failures.describe",
            "describe_unforeseen": "token_rotation.operations.failures.describe",
            "operation_failed": "token_rotation.operations.signals",
            "operation_unfinished": "token_rotation.operations.signals",
            "registry": "token_rotation.operations.actions.registry",
            "run": "token_rotation.operations.execution.run",
            "run_asynchronous": "token_rotation.operations.execution.run",
            "run_synchronous": "token_rotation.operations.execution.run",
        },
    )
