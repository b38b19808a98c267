"""Tell those who listen which rows a commit has rotated."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import close_old_connections

from token_rotation.security_log import SecurityEvent, tell
from token_rotation.selection.key_range import Key
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.selection.target import Target
from token_rotation.signals import tokens_rotated
from token_rotation.targets.discovery import model_of


def has_listeners(target: MarkedTable) -> bool:
    """Return True when anybody listens to the rotations of the target's model."""
    return isinstance(target, Target) and bool(tokens_rotated.has_listeners(model_of(target)))


def announce(target: MarkedTable, keys: Sequence[Key], rows: int | None = None) -> int:
    """Send ``tokens_rotated``; return the number of failed receivers.

    ``rows`` is their number; None: as many as ``keys``. Keys that are tokens are not sent. Failures
    are logged and stop nothing.
    """
    answers = tokens_rotated.send_robust(
        sender=model_of(target),
        target=target.label,
        database=target.database,
        keys=() if target.hides_keys else tuple(keys),
        rows=len(keys) if rows is None else rows,
    )
    return sum(isinstance(answer, Exception) for _, answer in answers)


def announce_revoked(target: Target, keys: Sequence[Key]) -> None:
    """Announce rows that the application rotated; the security log hears of their number."""
    tell(
        SecurityEvent.TOKEN_REVOKED,
        "the application replaced tokens",
        target=target.label,
        database=target.database,
        rows=len(keys),
    )
    announce(target, keys)


class Announcements:
    """The keys and the number of the rows of a worker's commits, kept until sent.

    The worker sends them when it has time. That is never while a transaction is open, nor while the
    time of a batch is taken.
    """

    def __init__(self, target: MarkedTable) -> None:
        self._target = target
        self._keys: list[Key] = []
        self._rows = 0
        self._has_sent = False

    def add(self, keys: Sequence[Key], rows: int) -> None:
        """Keep what is known of rows whose rotation has committed."""
        self._keys += keys
        self._rows += rows

    def send(self) -> None:
        """Announce what was kept.

        It is lost if the process dies before; a replay sends it.
        """
        keys, self._keys = self._keys, []
        rows, self._rows = self._rows, 0
        if keys or (rows and self._target.hides_keys):
            self._has_sent = True
            if announce(self._target, keys, rows):  # perhaps the server had closed their connection
                close_old_connections()

    def close_receiver_connections(self) -> None:
        """Close what receivers have opened in this thread.

        Call it at the end of the thread's work.
        """
        if self._has_sent:
            close_old_connections()
