"""What takes messages to workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from token_rotation.operations.actions.group import ActionGroup


@dataclass(frozen=True, slots=True)
class Message:
    """An operation's id, which is all that a worker gets, and how it is delivered."""

    operation_id: int
    queue: str
    is_urgent: bool
    countdown_seconds: float
    group: ActionGroup


class Backend(Protocol):
    """Celery, or a backend of Django's Tasks framework."""

    def ensure_broker(self) -> None:
        """Raise UnavailableError when no message can be sent; do so in bounded time."""

    def ensure_worker(self) -> None:
        """Raise UnavailableError when workers can be asked and none answers."""

    def messages_in(self, queue: str) -> int | None:
        """Return how many messages wait in the queue; None where nobody can count them.

        Those that a worker has are not counted. Raises UnavailableError.
        """

    def check_countdown(self, group: ActionGroup, countdown: float) -> None:
        """Raise InputError for a countdown that the backend cannot keep."""

    def send(self, message: Message) -> None:
        """Put the message into its queue. Raises UnavailableError."""
