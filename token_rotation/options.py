"""The options of an operator, with defaults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

SHORTER_FLAGS = {
    "limit_rows": "--limit",
    "wait_for_locks_seconds": "--wait-for-locks",
    "vacuum_every_percent": "--vacuum-every",
    "max_replica_lag_seconds": "--max-replica-lag",
}
"""Flags whose name leaves out the unit of their field."""

NOT_REPEATED = ("limit_rows", "lock_timeout_ms")
"""The first counts in one run only; the second has no flag."""


def flag_of(field_name: str) -> str:
    """The flag of ``rotate_tokens`` that sets a field of ``RotationOptions``."""
    return SHORTER_FLAGS.get(field_name, f"--{field_name.replace('_', '-')}")


@dataclass(frozen=True, slots=True)
class RotationOptions:
    """The options of a rotation.

    ``batch_rows`` fixes the batch size; without it, the size adapts to ``target_batch_seconds``.
    ``limit_rows`` ends the run after that many rows. ``lock_timeout_ms`` bounds each wait for a
    lock inside a batch, ``wait_for_locks_seconds`` the wait at the end for locked rows, and
    for open transactions that have written to the table, and ``retry_seconds`` how long a fault may
    last.

    The others slow the rotation down for the sake of traffic; None sets no bound. A standby whose
    application name is in ``except_standby`` may lag: it does so on purpose, say. A short
    transaction of others may take ``traffic_budget_ms`` longer at its 95th to 99th percentile, if
    the batch size adapts; 0 pays no regard to traffic. ``pause_while`` and ``abort_when`` are
    queries with a boolean answer. ``workers`` is the number of batches at the same time. A VACUUM
    runs after each ``vacuum_every_percent`` of the table's rows; 0 disables it. With
    ``independent_tokens`` a token shares no digits with its neighbours
    (``engine.writers.prefixed``).

    ``verdict_at_most_seconds`` bounds the read of the table at the end, and how long its snapshot
    keeps dead rows alive; without that read nothing counts as complete.
    """

    workers: int = 1
    target_batch_seconds: float = 0.2
    batch_rows: int | None = None
    limit_rows: int | None = None
    lock_timeout_ms: int = 50
    wait_for_locks_seconds: float = 30.0
    retry_seconds: float = 60.0
    traffic_budget_ms: float = 5.0
    vacuum_every_percent: float = 10.0
    independent_tokens: bool = False
    verdict_at_most_seconds: float = 3600.0
    pause_seconds: float = 0.0
    max_rows_per_second: int | None = None
    max_replica_lag_seconds: float | None = None
    except_standby: tuple[str, ...] = ()
    max_active_queries: int | None = None
    max_wal_mb_per_second: float | None = None
    max_files_to_archive: int | None = None
    pause_while: str | None = None
    pause_while_url: str | None = None
    abort_when: str | None = None

    def __post_init__(self) -> None:
        # JSON, which the records hold, has no tuples.
        object.__setattr__(self, "except_standby", tuple(self.except_standby))

    @property
    def most_connections(self) -> int:
        """Most server connections in use at the same time.

        One for each worker, and one each to keep the record, to vacuum, to see who locks rows, to
        ask about statements that say nothing, and to measure what others feel.
        """
        others = 3 + (self.vacuum_every_percent > 0) + (self.batch_rows is None)
        return self.workers + others

    @property
    def cli_args(self) -> Iterator[str]:
        """Return the flags that repeat these options later.

        Defaults are left out.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            if value == field.default or field.name in NOT_REPEATED:
                continue
            for each in value if isinstance(value, tuple) else (value,):
                yield flag_of(field.name)
                if each is not True:
                    yield each if isinstance(each, str) else str(each).removesuffix(".0")


@dataclass(frozen=True, slots=True)
class ListOptions:
    """A file that lists rows; "-" is standard input.

    ``of`` says what it lists: "tokens", "keys" or "hashes"; None: the file must make it clear. With
    ``is_only`` no other rows are rotated; without it, the listed rows come first.
    """

    file: str
    of: str | None = None
    is_only: bool = True

    @property
    def cli_args(self) -> tuple[str, ...]:
        """The flags that name the list again."""
        kind = ("--list-of", self.of) if self.of else ()
        return ("--only" if self.is_only else "--first", self.file, *kind)


@dataclass(frozen=True, slots=True)
class SelectionOptions:
    """The selection of rows, as typed.

    It is a time, Django filters, and a list.
    """

    issued_before: str | None = None
    where: tuple[str, ...] = ()
    leak_list: ListOptions | None = None


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """The options of a report.

    ``exact`` counts every row, however long that takes.
    """

    format: str = "text"
    exact: bool = False
