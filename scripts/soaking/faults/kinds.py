"""The faults that can be had on this machine and server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from benchmark.processes.connection import one_value

from soaking.faults.clock import Clocks, ClockStep, settable_clocks
from soaking.faults.commands import Kill, Terminate
from soaking.faults.disk import FullDisk, move_tickets, small_disk
from soaking.faults.fault import Fault
from soaking.faults.limits import TransactionTimeout
from soaking.faults.queue import LostQueue, Queue, queue_server
from soaking.faults.rows import AskedAgain, HeldLocks, PoisonByCheck, PoisonByTrigger
from soaking.faults.server import GhostStandby, KilledBackend, Restart, SilentBackend, SilentServer
from soaking.faults.stage import Stage

Make = Callable[[Stage], Fault]

ANYWHERE: tuple[type[Fault], ...] = (
    *(Kill, Terminate, KilledBackend, Restart, SilentBackend, SilentServer, GhostStandby),
    *(HeldLocks, AskedAgain, PoisonByCheck, PoisonByTrigger),
)
_ELSEWHERE: tuple[type[Fault], ...] = (TransactionTimeout, FullDisk, ClockStep, LostQueue)
NAMES = tuple(each.name for each in (*ANYWHERE, *_ELSEWHERE))
MISSING = {
    TransactionTimeout.name: "PostgreSQL 17 was the first to have it",
    FullDisk.name: "this process may not mount a tmpfs",
    ClockStep.name: "libfaketime is missing; scripts/install_services installs it",
    LostQueue.name: "Celery or Redis is missing; scripts/setup dev installs them",
}
# What a rotation by Celery workers meets beside the loss of its queue.
BESIDE_QUEUE = (KilledBackend.name, HeldLocks.name, AskedAgain.name)


@dataclass(frozen=True)
class Kinds:
    """``usual`` happen to runs of rotate_tokens, ``spread`` to a rotation that workers share."""

    usual: Mapping[str, Make]
    spread: Mapping[str, Make]
    queue: Queue | None
    clocks: Clocks | None
    skipped: Mapping[str, str]


@contextmanager
def had_here(only: tuple[str, ...]) -> Iterator[Callable[[str], Kinds]]:
    """Prepare what faults need, before the server starts.

    Yield a function that takes the URL of the server, once the tickets are there.
    """
    wanted = only or NAMES
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk()) if FullDisk.name in wanted else None
        queue = stack.enter_context(queue_server()) if LostQueue.name in wanted else None
        clocks = stack.enter_context(settable_clocks()) if ClockStep.name in wanted else None
        found = {FullDisk.name: disk, LostQueue.name: queue, ClockStep.name: clocks}
        skipped = {name: MISSING[name] for name in found if name in wanted and found[name] is None}

        def kinds(database_url: str) -> Kinds:
            usual: dict[str, Make] = {each.name: each for each in ANYWHERE}
            if int(one_value(database_url, "SHOW server_version_num")) >= 170000:
                usual[TransactionTimeout.name] = TransactionTimeout
            elif TransactionTimeout.name in wanted:
                skipped[TransactionTimeout.name] = MISSING[TransactionTimeout.name]
            if disk is not None:
                move_tickets(database_url, disk)
                usual[FullDisk.name] = partial(FullDisk, disk=disk)
            if clocks is not None:
                usual[ClockStep.name] = partial(ClockStep, clocks=clocks)
            spread: dict[str, Make] = {}
            if queue is not None:
                spread = {name: usual[name] for name in BESIDE_QUEUE}
                spread[LostQueue.name] = partial(LostQueue, queue=queue)
            return Kinds(_those(usual, wanted), _those(spread, wanted), queue, clocks, skipped)

        yield kinds


def _those(kinds: Mapping[str, Make], wanted: tuple[str, ...]) -> dict[str, Make]:
    return {name: make for name, make in kinds.items() if name in wanted}
