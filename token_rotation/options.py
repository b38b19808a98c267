"""How to rotate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

WORDS = {
    "wait_for_locks_seconds": "--wait-for-locks",
    "vacuum_every_percent": "--vacuum-every",
    "max_replica_lag_seconds": "--max-replica-lag",
}
"""Options of the command that are not called as their field is."""

NOT_REPEATED = ("limit_rows", "lock_timeout_ms")
"""The first is of one run, the second nothing to type."""


@dataclass(frozen=True, slots=True)
class RotationOptions:
    """The operator's choices.

    ``batch_rows`` fixes the batch size, which else adapts to ``target_batch_seconds``;
    ``limit_rows`` ends the run after that many rows. ``lock_timeout_ms`` bounds each wait for a
    lock inside a batch, ``wait_for_locks_seconds`` the wait at the end for rows that others hold,
    ``retry_seconds`` the time a fault may last. The others slow the rotation down for the sake of
    traffic; None means no bound. ``traffic_batch_rows`` bounds a batch whose size is not fixed
    while other sessions work on the server; 0: it pays no regard to them. ``workers`` batches are
    rotated at the same time. A VACUUM runs after each ``vacuum_every_percent`` of the table's rows;
    0: never. With ``independent_tokens`` no token shares digits with its neighbours
    (``engine.token_writers.prefixed``).
    """

    workers: int = 1
    target_batch_seconds: float = 0.2
    batch_rows: int | None = None
    limit_rows: int | None = None
    lock_timeout_ms: int = 50
    wait_for_locks_seconds: float = 30.0
    retry_seconds: float = 60.0
    traffic_batch_rows: int = 15
    vacuum_every_percent: float = 10.0
    independent_tokens: bool = False
    pause_seconds: float = 0.0
    max_rows_per_second: int | None = None
    max_replica_lag_seconds: float | None = None
    max_active_queries: int | None = None

    @property
    def most_connections(self) -> int:
        """Server connections in use at the same time.

        One for each worker; one each to keep the record, to vacuum, to see who holds locked rows.
        """
        return self.workers + (3 if self.vacuum_every_percent else 2)

    @property
    def words(self) -> Iterator[str]:
        """The command's words for what is not the default, so that a later run does likewise."""
        for field in fields(self):
            value = getattr(self, field.name)
            if value == field.default or field.name in NOT_REPEATED:
                continue
            yield WORDS.get(field.name, f"--{field.name.replace('_', '-')}")
            if value is not True:
                yield str(value).removesuffix(".0")
