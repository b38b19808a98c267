"""One round: leak everything, rotate under writes and faults, check every promise."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable
from random import Random
from threading import Event, Thread

from soaking.command import DONE, FAILED, Command, Ended, random_options
from soaking.faults import Faults
from soaking.figures import Figures
from soaking.ledger import Ledger
from soaking.tickets_table import TicketsTable
from soaking.violation import Violation
from soaking.writer import Writer
from tickets.config.embedded.cluster import PostgresCluster

WRITERS = 3
MOST_FAULTS = 10
ASKABLE_STEP = 50  # every 50th row: asked for again in mid-run, and so never saved from the past


class Round:
    """Plays once; ``play`` raises Violation at the first promise that was not kept."""

    def __init__(self, cluster: PostgresCluster, table: TicketsTable, random: Random) -> None:
        self._cluster = cluster
        self._table = table
        self._random = random
        self._commands: list[Command] = []
        self._ended: list[Ended] = []
        self._failures: list[BaseException] = []
        self._over = Event()

    def play(self) -> Figures:
        started_at = time.monotonic()
        self._table.leak_again()
        ledger = Ledger(self._table.contents())
        rows = self._table.rows
        askable = rows[::ASKABLE_STEP]
        faults = Faults(
            self._cluster,
            lambda: self._commands,
            rows,
            askable,
            self._new_random(),
            self._random.randint(1, MOST_FAULTS),
        )
        self._under_traffic(ledger, faults)
        self._finish_in_quiet()
        self._table.check(faults.asked)
        ledger.check(self._table.contents())
        return Figures(
            rounds=1,
            tokens_changed=self._table.changes(),
            retries=sum(ended.retries for ended in self._ended),
            writes_acknowledged=ledger.acknowledged,
            writes_unanswered=ledger.unanswered,
            seconds=time.monotonic() - started_at,
            runs=Counter(ended.exit_code for ended in self._ended),
            faults=faults.done,
        )

    def _under_traffic(self, ledger: Ledger, faults: Faults) -> None:
        """Rotations at work, one or two, each started anew until it says that all is done."""
        stop = Event()
        rows = self._table.rows
        own = [row for row in rows if (row - rows.start) % ASKABLE_STEP]
        writers = [
            Writer(own[number::WRITERS], ledger, self._new_random(), stop)
            for number in range(WRITERS)
        ]
        operators = [
            Thread(target=self._keeping_failures, args=[self._operate, self._new_random(), faults])
            for _ in range(self._random.choice([1, 1, 2]))
        ]
        for thread in (*writers, faults, *operators):
            thread.start()
        try:
            for operator in operators:
                operator.join()
        finally:
            self._over.set()
            for command in tuple(self._commands):
                command.signal(signal.SIGKILL)  # there is one only when the soak is interrupted
            faults.end()
            stop.set()
            for thread in (*writers, *operators):
                thread.join()
        for failure in (*(writer.failure for writer in writers), faults.failure, *self._failures):
            if failure is not None:
                raise failure

    def _operate(self, random: Random, faults: Faults) -> None:
        while not self._over.is_set():
            ended = self._run_command(random_options(random))
            if ended.exit_code == FAILED and not faults.excuse(ended.started_at):
                raise Violation("exit code 1 although nothing was wrong with the server")
            if ended.exit_code == DONE:
                return

    def _finish_in_quiet(self) -> None:
        """What was asked for in the last moment; nothing stands in the way any more."""
        if self._run_command([]).exit_code != DONE:
            raise Violation("a run without any fault did not end with exit code 0")

    def _run_command(self, options: list[str]) -> Ended:
        command = Command(self._cluster.url(), *options)
        self._commands.append(command)
        try:
            ended = command.end()
        finally:
            self._commands.remove(command)
        self._ended.append(ended)
        return ended

    def _keeping_failures(
        self, action: Callable[[Random, Faults], None], random: Random, faults: Faults
    ) -> None:
        try:
            action(random, faults)
        except Exception as failure:  # noqa: BLE001  (raised again in the round's own thread)
            self._failures.append(failure)
            self._over.set()

    def _new_random(self) -> Random:
        """Of its own, so that the threads' timing does not change what each chooses."""
        return Random(self._random.getrandbits(64))
