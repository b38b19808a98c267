"""What goes wrong, at random moments."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from threading import Event, Thread

import psycopg2
from benchmark.processes.connection import connected
from psycopg2.extensions import connection as Connection  # noqa: N812  (it is the class)

from soaking.command import APPLICATION_NAME, Command
from tickets.config.embedded.cluster import PostgresCluster

LONGEST_PAUSE_SECONDS = 0.3
LONGEST_START_SECONDS = 3.0
LONGEST_HEADWAY_SECONDS = 0.7
LOOK_SECONDS = 0.01
SOME_ROWS = 20
# A lost connection is noticed by the next statement only.
AFTERMATH_SECONDS = 5.0

_TERMINATE = (
    "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity "
    "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() "
    "ORDER BY application_name = %s AND random() < 0.7 DESC, random() LIMIT 1) AS victim"
)
_ROTATING = "SELECT pid FROM pg_stat_activity WHERE application_name = %s"
_LOCK = "SELECT FROM tickets_ticket WHERE id = ANY(%s) FOR UPDATE SKIP LOCKED"
_ASK_AGAIN = "UPDATE tickets_ticket SET token_rotated_at = NULL WHERE id = ANY(%s)"


class Faults(Thread):
    """Does up to ``count`` random things to commands, server and rows, then ends.

    Rows stay locked while later faults happen. ``asked`` says how often each of the ``askable``
    rows may have been asked to be rotated again.
    """

    def __init__(
        self,
        cluster: PostgresCluster,
        commands: Callable[[], Sequence[Command]],
        rows: Sequence[int],
        askable: Sequence[int],
        random: Random,
        count: int,
    ) -> None:
        super().__init__(name="faults")
        self._cluster = cluster
        self._commands = commands
        self._rows = rows
        self._askable = askable
        self._random = random
        self._count = count
        self._stop_asked = Event()
        self.done: Counter[str] = Counter()
        self.asked: Counter[int] = Counter()
        self.failure: BaseException | None = None
        self._server_troubled_until = 0.0
        self._holding: list[Connection] = []

    def run(self) -> None:
        kinds = {
            "SIGKILL": self._kill,
            "SIGTERM": self._terminate_command,
            "killed backend": self._terminate_backend,
            "server restart": self._restart_server,
            "held locks": self._hold_locks,
            "asked again": self._ask_again,
        }
        try:
            for _ in range(self._count):
                if self._stop_asked.wait(self._random.uniform(0, LONGEST_PAUSE_SECONDS)):
                    break
                if self._random.random() < 0.8:
                    self._await_rotation()
                if self._random.random() < 0.5:
                    self._let_go()
                kind = self._random.choice(list(kinds))
                if kinds[kind]():
                    self.done[kind] += 1
        except Exception as failure:  # noqa: BLE001  (handed to the round, which reports it)
            self.failure = failure
        finally:
            self._let_go()

    def end(self) -> None:
        """Do nothing more; returns when the last fault is over."""
        self._stop_asked.set()
        self.join()

    def excuse(self, since: float) -> bool:
        """Whether the server had trouble later than ``since``: a run may have failed for it."""
        return self._server_troubled_until > since

    def _await_rotation(self) -> None:
        """Until one is connected, for a short time: a run spends half of its life starting up."""
        deadline = time.monotonic() + LONGEST_START_SECONDS
        with connected(self._cluster.url()) as connection, connection.cursor() as cursor:
            while time.monotonic() < deadline:
                cursor.execute(_ROTATING, [APPLICATION_NAME])
                if cursor.fetchone() or self._stop_asked.wait(LOOK_SECONDS):
                    break
        self._stop_asked.wait(self._random.uniform(0, LONGEST_HEADWAY_SECONDS))

    def _kill(self) -> bool:
        return self._signal(signal.SIGKILL)

    def _terminate_command(self) -> bool:
        """Once or, impatiently, twice."""
        sent = self._signal(signal.SIGTERM)
        return (sent and self._random.random() < 0.3 and self._signal(signal.SIGTERM)) or sent

    def _signal(self, number: signal.Signals) -> bool:
        commands = self._commands()
        return bool(commands) and self._random.choice(commands).signal(number)

    def _terminate_backend(self) -> bool:
        self._server_troubled_until = time.monotonic() + AFTERMATH_SECONDS
        with connected(self._cluster.url()) as connection, connection.cursor() as cursor:
            cursor.execute(_TERMINATE, [APPLICATION_NAME])
            (victims,) = cursor.fetchone() or (0,)
            return bool(victims)

    def _restart_server(self) -> bool:
        self._server_troubled_until = float("inf")
        try:
            self._cluster.restart("immediate")
        finally:
            self._server_troubled_until = time.monotonic() + AFTERMATH_SECONDS
        return True

    def _hold_locks(self) -> bool:
        holder = psycopg2.connect(self._cluster.url())
        self._holding.append(holder)
        with holder.cursor() as cursor:
            cursor.execute(_LOCK, [self._some(self._rows)])
        return True

    def _let_go(self) -> None:
        while self._holding:
            self._holding.pop().close()

    def _ask_again(self) -> bool:
        self._let_go()  # else this thread could wait for itself
        rows = self._some(self._askable)
        self.asked.update(rows)
        with connected(self._cluster.url()) as connection, connection.cursor() as cursor:
            cursor.execute(_ASK_AGAIN, [rows])
        return True

    def _some(self, rows: Sequence[int]) -> list[int]:
        return self._random.sample(rows, min(SOME_ROWS, len(rows)))
