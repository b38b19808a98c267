"""Tell those who listen which rows a commit has rotated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import close_old_connections
from psycopg2 import sql

from token_rotation.postgres.connection import Connection, Values
from token_rotation.selection.key_range import Key
from token_rotation.selection.target import Target
from token_rotation.signals import tokens_rotated
from token_rotation.sql import rows as rows_sql
from token_rotation.targets.discovery import model_of


@dataclass(frozen=True, slots=True)
class RotatedRows:
    """How many rows an UPDATE changed, and which, as far as anybody wants to know."""

    rows: int
    keys: tuple[Key, ...] = ()


def has_listeners(target: Target) -> bool:
    """Whether anybody listens to the rotations of the target's model."""
    return bool(tokens_rotated.has_listeners(model_of(target)))


def announce(target: Target, keys: Sequence[Key]) -> int:
    """Send ``tokens_rotated``; how many receivers failed. They are logged and stop nothing."""
    answers = tokens_rotated.send_robust(
        sender=model_of(target),
        target=target.label,
        database=target.database,
        keys=tuple(keys),
    )
    return sum(isinstance(answer, Exception) for _, answer in answers)


class Announcements:
    """Collects the keys of a worker's commits until it has time to send them.

    Not while a transaction is open, and not while the time of a batch is taken. Keys are asked of
    the database only when somebody listens. ``committed_rows`` counts all of them from the start.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._keys: list[Key] = []
        self._has_sent = False
        self.committed_rows = 0

    def run(self, connection: Connection, update: sql.Composable, values: Values) -> RotatedRows:
        """Run an UPDATE of the target's table, which it calls by its name."""
        if not has_listeners(self._target):
            return RotatedRows(connection.change(update, values))
        query = rows_sql.returning_keys(self._target, update)
        keys = tuple(key for (key,) in connection.rows(query, values))
        return RotatedRows(len(keys), keys)

    def committed(self, rotated: RotatedRows) -> int:
        """Keep the keys for ``send``; how many rows there are."""
        self._keys += rotated.keys
        self.committed_rows += rotated.rows
        return rotated.rows

    def send(self) -> None:
        """Announce what was kept. It is lost if the process dies before; a replay sends it."""
        keys, self._keys = self._keys, []
        if keys:
            self._has_sent = True
            if announce(self._target, keys):  # perhaps the server had closed their connection
                close_old_connections()

    def rest(self) -> None:
        """At the end of a thread's work: let go of what receivers have opened in it."""
        if self._has_sent:
            close_old_connections()
