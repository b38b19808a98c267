"""What the faults of a round share."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from threading import Event

from benchmark.processes.connection import connected

from soaking.command import APPLICATION_NAME, Command
from soaking.violation import Violation
from tickets.config.embedded.cluster import PostgresCluster

# A lost connection is noticed by the next statement only.
AFTERMATH_SECONDS = 5.0
SOME_ROWS = 20
BETWEEN_SIGNALS_SECONDS = 0.5
# The second signal ends a run within five seconds. The others are the busy machine's.
SIGNALLED_SECONDS = 5.0 + 10.0

_ROTATING = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"


@dataclass
class Stage:
    """The server, the commands at work, and the rows of one round.

    ``asked`` says how often each of the ``askable`` rows may have been asked to be rotated again.
    ``refused`` are rows that PostgreSQL refuses to change now.
    """

    cluster: PostgresCluster
    commands: Callable[[], Sequence[Command]]
    rows: Sequence[int]
    askable: Sequence[int]
    random: Random
    stop_asked: Event = field(default_factory=Event)
    asked: Counter[int] = field(default_factory=Counter)
    refused: set[int] = field(default_factory=set)
    troubled_until: float = 0.0
    _refusals: list[list[float]] = field(default_factory=list)

    def execute(self, *statements: str, values: Sequence[object] | None = None) -> None:
        with connected(self.cluster.url()) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement, values)

    def is_rotating(self) -> bool:
        with connected(self.cluster.url()) as connection, connection.cursor() as cursor:
            cursor.execute(_ROTATING, [APPLICATION_NAME])
            (sessions,) = cursor.fetchone() or (0,)
            return bool(sessions)

    def some(self, rows: Sequence[int], count: int = SOME_ROWS) -> list[int]:
        return self.random.sample(rows, min(count, len(rows)))

    def hold(self, shortest: float, longest: float) -> None:
        """Let what is wrong last for some seconds, or until the round is over."""
        self.stop_asked.wait(self.random.uniform(shortest, longest))

    def trouble(self) -> None:
        """From now on a run may fail for the server, until ``trouble_passes``."""
        self.troubled_until = float("inf")

    def trouble_passes(self) -> None:
        self.troubled_until = time.monotonic() + AFTERMATH_SECONDS

    def excuses(self, since: float) -> bool:
        """Return True if a run that began then may have failed for the server."""
        return self.troubled_until > since

    def refused_throughout(self, since: float, until: float) -> bool:
        """Return True if PostgreSQL refused rows from before one time to after another."""
        return any(began < since and until < ended for began, ended in self._refusals)

    def begin_refusals(self, rows: Sequence[int]) -> None:
        self.refused.update(rows)
        self._refusals.append([time.monotonic(), float("inf")])

    def end_refusals(self) -> None:
        self.refused.clear()
        self._refusals[-1][1] = time.monotonic()

    def command(self) -> Command | None:
        """One of those at work."""
        commands = self.commands()
        return self.random.choice(commands) if commands else None

    def end_in_time(self) -> None:
        """Signal a command twice; raise Violation unless it ends in time, whatever else happens."""
        command = self.command()
        if command is None or not command.signal(signal.SIGTERM):
            return
        self.stop_asked.wait(BETWEEN_SIGNALS_SECONDS)
        command.signal(signal.SIGTERM)
        if not command.has_ended_within(SIGNALLED_SECONDS):
            raise Violation(f"two SIGTERMs did not end a run within {SIGNALLED_SECONDS:.0f} s")
