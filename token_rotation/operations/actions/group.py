"""The ordered actions of one type of operation."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

from token_rotation.operations.actions.action import Action


class Mode(Enum):
    SYNCHRONOUS = "synchronous"
    ASYNCHRONOUS = "asynchronous"


class Route(Enum):
    """The queue of an asynchronous run.

    Workers empty the high queue first.
    """

    DEFAULT = "default"
    HIGH = "high"


class ActionGroup:
    """Actions that run in this order until one fails.

    ``name`` is the operations' type. The time limits, in seconds, replace Celery's defaults for
    this group. Override ``get_mode`` to choose by the size of the job.

    Raises ValueError for no actions, for two of one name, and for limits that are not in order.
    """

    def __init__(
        self,
        name: str,
        *,
        actions: Sequence[type[Action]],
        mode: Mode = Mode.ASYNCHRONOUS,
        route: Route = Route.DEFAULT,
        soft_time_limit_seconds: float | None = None,
        time_limit_seconds: float | None = None,
    ) -> None:
        names = [action.name for action in actions]
        if not names or len(set(names)) != len(names):
            raise ValueError(f"{name}: a group needs actions, each of another name, not {names}")
        if (soft_time_limit_seconds is None) != (time_limit_seconds is None):
            raise ValueError(f"{name}: a soft and a hard time limit go together")
        if (
            soft_time_limit_seconds is not None
            and time_limit_seconds is not None
            and not 0 < soft_time_limit_seconds < time_limit_seconds
        ):
            raise ValueError(f"{name}: the soft time limit comes before the hard one")
        self.name = name
        self.actions = tuple(actions)
        self.mode = mode
        self.route = route
        self.soft_time_limit_seconds = soft_time_limit_seconds
        self.time_limit_seconds = time_limit_seconds

    def get_mode(self, **kwargs: Any) -> Mode:  # noqa: ARG002
        """The mode of a run with these keyword arguments."""
        return self.mode
