"""Usage: scripts/compare-rates REVISION [--pairs N] [--rows N]; see --help"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2

from benchmark.announce import announce
from benchmark.errors import BenchmarkError
from benchmark.parts.rounds import shifted
from benchmark.processes.connection import one_value
from benchmark.processes.databases import Databases
from benchmark.processes.manage import TREE, manage
from benchmark.processes.recycled_wal import IN_SERVICE, recycle_wal
from benchmark.processes.server import temporary_server
from tickets.config.embedded.cluster import ClusterError

SAME_WITHIN = 0.05
LEFT = "SELECT count(*) FROM tickets_ticket WHERE token_rotated_at IS NULL"
PASSED, FAILED, NOT_MEASURED, INTERRUPTED = 0, 1, 2, 130


def main() -> int:
    given = _parser().parse_args()
    try:
        with _checked_out(given.revision) as there:
            ratio = _compare(there, pairs=given.pairs, rows=given.rows)
    except (BenchmarkError, ClusterError, psycopg2.Error, OSError) as error:
        announce(f"scripts/compare-rates: {' '.join(f'{error}'.split())}")
        return NOT_MEASURED
    except KeyboardInterrupt:
        return INTERRUPTED
    return PASSED if abs(ratio - 1) <= SAME_WITHIN else FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/compare-rates",
        description="Rotate the same number of tickets with the code of this checkout and with "
        "that of REVISION, in turns, on a temporary PostgreSQL, and print the ratio of their rates "
        "(above 1: this checkout is faster). Exit codes: 0 the median is within 5 % of 1, 1 it is "
        "not, 2 it could not be measured.",
    )
    parser.add_argument("revision", metavar="REVISION", help="of this repository, for git")
    parser.add_argument("--pairs", type=int, default=8, metavar="N", help="(default: 8)")
    parser.add_argument("--rows", type=int, default=300_000, metavar="N", help="(default: 300000)")
    return parser


@contextmanager
def _checked_out(revision: str) -> Iterator[Path]:
    """The revision's files, in a directory that is gone afterwards. Raises BenchmarkError."""
    with tempfile.TemporaryDirectory(prefix="tickets-benchmark-") as directory:
        archive = Path(directory) / "archive.tar"
        _run("git", "-C", str(TREE), "archive", "--output", str(archive), revision)
        _run("tar", "-xf", str(archive), "-C", directory)
        archive.unlink()
        yield Path(directory)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"{command[0]}: {done.stderr}")


def _compare(there: Path, *, pairs: int, rows: int) -> float:
    """Print each pair; return the median of their ratios."""
    ratios = []
    with temporary_server(IN_SERVICE) as cluster:
        recycle_wal(cluster)
        sides = {"here": Databases(cluster, TREE), "there": Databases(cluster, there)}
        for databases in sides.values():
            _seconds(databases, rows)  # programs and files are read once before it counts
        for number in range(pairs):
            seconds = {side: _seconds(sides[side], rows) for side in shifted([*sides], number)}
            ratios.append(seconds["there"] / seconds["here"])
            rates = ", ".join(f"{side} {rows / seconds[side]:,.0f} rows/s" for side in sides)
            print(f"pair {number + 1}: {rates}, ratio {ratios[-1]:.3f}", flush=True)
    median = statistics.median(ratios)
    print(f"median of {pairs} ratios: {median:.3f} ({min(ratios):.3f} to {max(ratios):.3f})")
    return median


def _seconds(databases: Databases, rows: int) -> float:
    """How long ``rotate_tokens`` takes, as a process. Raises BenchmarkError if rows are left."""
    with databases.clone(rows) as url:
        ended = manage("rotate_tokens", database_url=url, tree=databases.tree)
        if left := one_value(url, LEFT):
            raise BenchmarkError(f"the code in {databases.tree} left {left} rows")
    return ended.seconds


if __name__ == "__main__":
    sys.exit(main())
