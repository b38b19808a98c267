"""One step of an operation."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from django.db import InterfaceError, OperationalError

if TYPE_CHECKING:
    from token_rotation.operations.models import BatchOperation


class Beat(Protocol):
    """Write a heartbeat; return True when a stop was requested."""

    def __call__(
        self, done: int | None = None, total: int | None = None, live: Any = None
    ) -> bool: ...


class Action(ABC):
    """One step of an operation: override ``execute``.

    An instance serves one attempt.

    Workers die: an action whose result was not stored is executed again. So it either does no harm
    twice (is idempotent), or it is ``atomic``.
    """

    # What the result is stored under; the name of the class when it is left out.
    name: ClassVar[str] = ""

    # Errors that may pass: in a worker the action is tried again later, with growing pauses.
    retry_for: ClassVar[tuple[type[Exception], ...]] = (
        OperationalError,
        InterfaceError,
        ConnectionError,
        TimeoutError,
    )

    # One transaction for what it writes to the operations' database and for its stored result: both
    # happen once or not at all. Not for work that is long or that commits by itself.
    atomic: ClassVar[bool] = False

    # Seconds between two beats while ``execute`` works; None: a quarter of the lease.
    beat_every_seconds: ClassVar[float | None] = None

    # Set before ``execute``: whether a worker runs it, or the process that called ``run``.
    is_in_worker: bool = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" not in cls.__dict__:
            cls.name = cls.__name__

    @property
    def logger(self) -> logging.Logger:
        """A logger of this action: its module, then its name."""
        return logging.getLogger(f"{type(self).__module__}.{self.name}")

    @abstractmethod
    def execute(self, operation: BatchOperation) -> Any:
        """Do the work and return its result, a JSON value.

        People can read the result, so it holds no secrets.

        ``operation.input_data`` holds what was passed to ``run``. Long work calls
        ``operation.beat(done=, total=)`` and ends early when that returns True. A broad ``except``
        must let Celery's SoftTimeLimitExceeded, an Exception, through.
        """

    def beat(self, beat: Beat) -> None:
        """Write a heartbeat, from a thread, while ``execute`` works.

        Override to pass progress to ``beat``, and to act on its answer.
        """
        beat()


def action_factory(base: type[Action], name: str) -> type[Action]:
    """Return the action under another name, so that a group can have it twice."""
    return type(name, (base,), {"__module__": base.__module__, "name": name})
