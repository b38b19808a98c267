"""One round: leak everything, rotate under writes and faults, check every promise."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from threading import Event, Thread

from soaking.command import (
    DONE,
    FAILED,
    PENDING,
    Command,
    Ended,
    last_line,
    random_options,
    spread_options,
)
from soaking.faults.clock import ClockStep
from soaking.faults.kinds import Kinds
from soaking.faults.stage import Stage
from soaking.faults.thread import Faults
from soaking.figures import Figures
from soaking.ledger import Ledger
from soaking.tickets_table import OPERATOR, TicketsTable
from soaking.violation import Violation
from soaking.writer import Writer
from tickets.config.embedded.cluster import PostgresCluster

WRITERS = 3
MOST_FAULTS = 10
REASONS = ("refused", "locked")
"""Why rows may be left after a run that nobody ended."""

SPREAD_SHARE = 0.2
"""Of the rounds, if Celery workers can be had."""

ASKABLE_STEP = 50  # every 50th row: asked for again in mid-run, and so never saved from the past


class Round:
    """Plays once; ``play`` raises Violation at the first promise that was not kept."""

    def __init__(
        self, cluster: PostgresCluster, table: TicketsTable, kinds: Kinds, random: Random
    ) -> None:
        self._cluster = cluster
        self._table = table
        self._random = random
        self._kinds = kinds
        only_spread = bool(kinds.spread) and not kinds.usual
        self._is_spread = only_spread or (bool(kinds.spread) and random.random() < SPREAD_SHARE)
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
        stage = Stage(
            self._cluster, lambda: tuple(self._commands), rows, askable, self._new_random()
        )
        makers = self._kinds.spread if self._is_spread else self._kinds.usual
        kinds = [make(stage) for make in makers.values()]
        faults = Faults(stage, kinds, self._random.randint(1, MOST_FAULTS))
        self._under_traffic(ledger, faults, stage)
        self._finish_in_quiet()
        self._table.check(stage.asked, clock_was_set=faults.done[ClockStep.name] > 0)
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

    def _under_traffic(self, ledger: Ledger, faults: Faults, stage: Stage) -> None:
        """Rotations at work, one or two, each started anew until it says that all is done."""
        with self._workers():
            self._play_under_traffic(ledger, faults, stage)

    @contextmanager
    def _workers(self) -> Iterator[None]:
        """Celery workers, in a round that needs them."""
        if self._is_spread and self._kinds.queue is not None:
            with self._kinds.queue.working(self._cluster.url()):
                yield
        else:
            yield

    def _play_under_traffic(self, ledger: Ledger, faults: Faults, stage: Stage) -> None:
        stop = Event()
        rows = self._table.rows
        own = [row for row in rows if (row - rows.start) % ASKABLE_STEP]
        writers = [
            Writer(own[number::WRITERS], ledger, self._new_random(), stop)
            for number in range(WRITERS)
        ]
        operators = [
            Thread(target=self._keeping_failures, args=[self._operate, self._new_random(), stage])
            for _ in range(1 if self._is_spread else self._random.choice([1, 1, 2]))
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

    def _operate(self, random: Random, stage: Stage) -> None:
        while not self._over.is_set():
            options = random_options(random)
            if self._is_spread:
                options = spread_options(random)
            ended = self._run_command(options)
            self._check(ended, options, stage)
            if ended.exit_code == DONE:
                return

    def _check(self, ended: Ended, options: list[str], stage: Stage) -> None:
        if ended.exit_code == FAILED and not stage.excuses(ended.started_at):
            raise Violation(
                "exit code 1 although nothing was wrong with the server: " + last_line(ended.said)
            )
        may_be_left = ended.was_signalled or "--limit" in options
        if (
            ended.exit_code == PENDING
            and not may_be_left
            and stage.refused_throughout(ended.started_at, ended.ended_at)
            and not any(reason in ended.said for reason in REASONS)
        ):
            raise Violation(f"rows are left and nothing says why: {last_line(ended.said)}")

    def _finish_in_quiet(self) -> None:
        """What was asked for in the last moment; nothing stands in the way any more."""
        ended = self._run_command([])
        if ended.exit_code != DONE:
            raise Violation(
                f"a run without any fault: exit code {ended.exit_code}: {last_line(ended.said)}"
            )

    def _run_command(self, options: list[str]) -> Ended:
        clocks, queue = self._kinds.clocks, self._kinds.queue
        env = {"FAKETIME_TIMESTAMP_FILE": f"{clocks.commands}"} if clocks else {}
        if queue is not None:
            env["CELERY_BROKER_URL"] = queue.url
        command = Command(self._cluster.url().replace("postgres@", f"{OPERATOR}@"), *options, **env)
        self._commands.append(command)
        try:
            ended = command.end()
        finally:
            self._commands.remove(command)
        self._ended.append(ended)
        return ended

    def _keeping_failures(
        self, action: Callable[[Random, Stage], None], random: Random, stage: Stage
    ) -> None:
        try:
            action(random, stage)
        except Exception as failure:  # noqa: BLE001  (raised again in the round's own thread)
            self._failures.append(failure)
            self._over.set()

    def _new_random(self) -> Random:
        """Of its own, so that the threads' timing does not change what each chooses."""
        return Random(self._random.getrandbits(64))
