"""The task for backends of Django's Tasks framework.

Their workers find it by its name; nothing else imports it.
"""

from __future__ import annotations

from functools import cache

from django.db import close_old_connections, connections

from token_rotation.operations.execution.attempt import attempt
from token_rotation.operations.queue.tasks_api import as_task
from token_rotation.operations.worker.waits import Waits
from token_rotation.postgres.sessions import name_sessions, watch_sessions


@as_task
def run_operation(operation_id: int) -> None:
    """Run the operation, unless another message's worker runs or ran it."""
    _prepare_sessions()
    try:
        attempt(operation_id)
    finally:
        close_old_connections()  # the worker goes on with those that still work


@cache
def _prepare_sessions() -> None:
    """Name and watch the sessions of this worker, which has opened some already."""
    name_sessions()
    watch_sessions(Waits())
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
