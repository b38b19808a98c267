"""How much of a rotation's time goes to progress, record and counts rather than to rows."""

import json
import statistics
import sys
from typing import Any

from benchmark.announce import announce
from benchmark.parts.part import Part
from benchmark.parts.verdict import Verdict
from benchmark.processes import child
from benchmark.processes.connection import connected
from benchmark.processes.databases import Databases
from benchmark.processes.environment import environment
from benchmark.processes.timed_rotation import HEAP_READ

SHARE_AT_MOST = 0.02


def measure_bookkeeping(databases: Databases, *, rows: int, rounds: int) -> Part:
    """The shares of the processor time on client and server, each of the same run as the total.

    Two runs, with and without, differ by more than this share for reasons of their own.
    """
    runs = []
    for number in range(rounds):
        announce(f"bookkeeping, round {number + 1} of {rounds}")
        run = timed_run(databases, rows)
        run["seconds"].pop(HEAP_READ)  # a part of its own
        runs.append(run)
    parts = sorted({part for run in runs for part in run["seconds"]})
    shares = {
        part: statistics.median(
            run["seconds"].get(part, 0.0) / run["processor_seconds"] for run in runs
        )
        for part in parts
    }
    total = statistics.median(
        sum(run["seconds"].values()) / run["processor_seconds"] for run in runs
    )
    figures = {"shares": shares, "share": total, "runs": runs}
    verdict = Verdict("bookkeeping's share of the processor time", total, at_most=SHARE_AT_MOST)
    return Part("bookkeeping", figures, [verdict])


def timed_run(databases: Databases, rows: int) -> dict[str, Any]:
    """One rotation on a new clone: what its last line says."""
    said: dict[str, Any] = {}

    def read(line: str) -> None:
        if line.startswith('{"event": "timed"'):
            said.update(json.loads(line))
            said.pop("event")

    with databases.clone(rows) as url:
        with connected(url) as connection, connection.cursor() as cursor:
            # A worker of autovacuum would count as the run's own; the run has a VACUUM of its own.
            cursor.execute("ALTER TABLE tickets_ticket SET (autovacuum_enabled = off)")
        command = (sys.executable, "-m", "benchmark.processes.timed_rotation")
        child.run(command, env=environment(DATABASE_URL=url), on_line=read)
    return said
