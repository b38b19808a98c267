"""How much of a rotation's time the read of the table at its end takes."""

import statistics

from benchmark.announce import announce
from benchmark.parts.costs.bookkeeping import timed_run
from benchmark.parts.part import Part
from benchmark.parts.verdict import Verdict
from benchmark.processes.databases import Databases
from benchmark.processes.timed_rotation import HEAP_READ

SHARE_AT_MOST = 0.05


def measure_verification(databases: Databases, *, rows: int, rounds: int) -> Part:
    """The read and the whole run, timed in the same run."""
    runs = []
    for number in range(rounds):
        announce(f"verification, round {number + 1} of {rounds}")
        run = timed_run(databases, rows)
        read, total = run["seconds"][HEAP_READ], run["total_seconds"]
        runs.append({"read_seconds": read, "total_seconds": total, "share": read / total})
    share = statistics.median(run["share"] for run in runs)
    verdict = Verdict("the heap read's share of the run time", share, at_most=SHARE_AT_MOST)
    return Part("verification", {"share": share, "runs": runs}, [verdict])
