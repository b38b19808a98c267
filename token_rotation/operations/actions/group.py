"""The ordered actions of one type of operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db.models import Model

from token_rotation.operations.actions.action import Action
from token_rotation.operations.lifecycle import Mode


class Route(StrEnum):
    """The aliases of the two queues that are always there.

    Workers empty the high queue first. OPERATIONS_QUEUES has aliases of queues of one's own.
    """

    DEFAULT = "default"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class OperationOptions:
    """What is stored of a run when it begins."""

    operation_type: str
    context_object: Model | None
    started_by: Any
    input_data: dict[str, Any] | None


class ActionGroup:
    """Actions that run in this order until one fails.

    ``name`` is what ``run`` is given. The time limits, in seconds, replace Celery's defaults for
    this group; other backends have none. With ``continue_after_failure`` the actions behind a
    failed one run, too; the operation has failed all the same, and its results say which action
    did. Its retries count for all actions together.

    Override ``get_mode`` and ``get_route`` to choose by the size of the job, and ``get_options`` to
    store another type, context or input.

    Raises ValueError for no actions, for two of one name, and for limits that are not in order.
    """

    def __init__(
        self,
        name: str,
        *,
        actions: Sequence[type[Action]],
        mode: Mode = Mode.ASYNCHRONOUS,
        route: str = Route.DEFAULT,
        continue_after_failure: bool = False,
        soft_time_limit_seconds: float | None = None,
        time_limit_seconds: float | None = None,
    ) -> None:
        if not actions:
            raise ValueError(f"{name}: a group needs actions")
        if (soft_time_limit_seconds is None) != (time_limit_seconds is None):
            raise ValueError(f"{name}: a soft and a hard time limit go together")
        if (
            soft_time_limit_seconds is not None
            and time_limit_seconds is not None
            and not 0 < soft_time_limit_seconds < time_limit_seconds
        ):
            raise ValueError(f"{name}: the soft time limit comes before the hard one")
        self.name = name
        self.actions: tuple[type[Action], ...] = ()
        self.mode = mode
        self.route = route
        self.continue_after_failure = continue_after_failure
        self.soft_time_limit_seconds = soft_time_limit_seconds
        self.time_limit_seconds = time_limit_seconds
        for action in actions:
            self.add(action)

    def add(self, action: type[Action]) -> None:
        """Append an action, also to a group that is registered: an app may add to another's.

        Do so when Django starts, so that web processes and workers have the same.

        Raises ValueError where the group has one of that name; ``action_factory`` gives it another.
        """
        names = [each.name for each in self.actions]
        if action.name in names:
            raise ValueError(
                f"{self.name}: a group has each action once, under a name of its own;"
                f" {action.name!r} is there"
            )
        self.actions = (*self.actions, action)

    def get_mode(self, **kwargs: Any) -> Mode:  # noqa: ARG002
        """The mode of a run with these keyword arguments."""
        return self.mode

    def get_route(self, **kwargs: Any) -> str:  # noqa: ARG002
        """The alias of the queue of a run with these keyword arguments."""
        return self.route

    def get_options(self, options: OperationOptions) -> OperationOptions:
        """What the record of a run says; change it with ``dataclasses.replace``.

        ``operation_type`` is the group's name.
        """
        return options
