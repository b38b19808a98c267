"""Faults of the server: gone, silent, or waiting for a standby."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import psutil
from benchmark.processes.connection import connected

from soaking.command import APPLICATION_NAME
from soaking.faults.fault import Fault
from soaking.faults.stage import Stage

SHORTEST_SILENCE_SECONDS, LONGEST_SILENCE_SECONDS = 1.0, 12.0

_TERMINATE = (
    "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity "
    "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() "
    "ORDER BY application_name = %s AND random() < 0.7 DESC, random() LIMIT 1) AS victim"
)
_WAITS_LONG = (
    "SELECT FROM pg_stat_activity WHERE application_name = %s AND wait_event = 'SyncRep' "
    "AND state_change < clock_timestamp() - interval '8 s'"
)
WAITS_FOR_STANDBY = "synchronous standby"
_BACKENDS = "SELECT pid FROM pg_stat_activity WHERE application_name = %s ORDER BY random() LIMIT 1"


class KilledBackend(Fault):
    name = "killed backend"

    def inflict(self) -> bool:
        self.stage.trouble_passes()
        with connected(self.stage.cluster.url()) as connection, connection.cursor() as cursor:
            cursor.execute(_TERMINATE, [APPLICATION_NAME])
            (victims,) = cursor.fetchone() or (0,)
            return bool(victims)


class Restart(Fault):
    name = "server restart"

    def inflict(self) -> bool:
        self.stage.trouble()
        try:
            self.stage.cluster.restart("immediate")
        finally:
            self.stage.trouble_passes()
        return True


class SilentBackend(Fault):
    """The session of a command does nothing for a while; the others work."""

    name = "silent backend"

    def inflict(self) -> bool:
        with connected(self.stage.cluster.url()) as connection, connection.cursor() as cursor:
            cursor.execute(_BACKENDS, [APPLICATION_NAME])
            pids = [pid for (pid,) in cursor.fetchall()]
        self.stage.trouble()
        with _stopped(pids) as stopped:
            if stopped:
                _hold(self)
        self.stage.trouble_passes()
        return bool(stopped)


class SilentServer(Fault):
    """Every process of the server is stopped, while its kernel goes on to answer."""

    name = "silent server"

    def inflict(self) -> bool:
        server = psutil.Process(self.stage.cluster.server_pid())
        self.stage.trouble()
        with _stopped([server.pid, *(each.pid for each in server.children())]) as stopped:
            _hold(self)
        self.stage.trouble_passes()
        return bool(stopped)


class GhostStandby(Fault):
    """No COMMIT returns: it waits for a synchronous standby that nobody has seen."""

    name = "ghost standby"

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._is_named = False

    def inflict(self) -> bool:
        self.stage.trouble()
        self._is_named = True
        self._name_standbys("ghost")
        _hold(self)
        commands = self.stage.commands()
        if len(commands) == 1 and self._is_waited_for():
            commands[0].must_say(WAITS_FOR_STANDBY)
        self.mend()
        return True

    def mend(self) -> None:
        if self._is_named:
            self._name_standbys("")
            self._is_named = False
            self.stage.trouble_passes()

    def _is_waited_for(self) -> bool:
        """Return True if a command has waited for so long that it must have said so."""
        with connected(self.stage.cluster.url()) as connection, connection.cursor() as cursor:
            cursor.execute(_WAITS_LONG, [APPLICATION_NAME])
            return cursor.fetchone() is not None

    def _name_standbys(self, names: str) -> None:
        self.stage.execute(
            f"ALTER SYSTEM SET synchronous_standby_names = '{names}'", "SELECT pg_reload_conf()"
        )


def _hold(fault: Fault) -> None:
    """Let it last; sometimes nobody waits for its end."""
    fault.stage.hold(SHORTEST_SILENCE_SECONDS, LONGEST_SILENCE_SECONDS)
    if fault.stage.random.random() < 0.4:
        fault.stage.end_in_time()


@contextmanager
def _stopped(pids: Sequence[int]) -> Iterator[list[int]]:
    """Stop processes while inside; yield those that were there."""
    stopped: list[int] = []
    try:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                stopped.append(pid)
        yield stopped
    finally:
        for pid in reversed(stopped):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
