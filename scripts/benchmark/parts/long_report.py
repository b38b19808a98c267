"""A report of every row whose query takes long before the first one."""

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark.announce import announce
from benchmark.errors import BenchmarkError
from benchmark.parts.part import Part
from benchmark.parts.verdict import Verdict
from benchmark.processes.connection import connected
from benchmark.processes.databases import Databases
from benchmark.processes.web_server import WebServer, serving
from benchmark.projects.slow_report import APPLICATION_NAME
from benchmark.traffic.download import ask_and_go, download

WORKERS = {
    "sync": ("--worker-class", "sync", "--workers", "1"),
    "gthread": ("--worker-class", "gthread", "--workers", "1", "--threads", "4"),
}
SETTINGS = "benchmark.projects.slow_report.settings"
FIRST_BYTE_SECONDS, SILENCE_SECONDS, CANCEL_SECONDS, MORE_MEMORY_MB = 1.0, 5.0, 5.0, 100.0
_NEVER_SECONDS = 600.0
_GIVE_UP_SECONDS = 60.0
_LOOK_SECONDS = 0.01
_SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND state = 'active'"

Figures = dict[str, float]


def measure_long_report(
    databases: Databases, *, rows: int, rounds: int, slow_seconds: float
) -> Part:
    """With each kind of worker: one download to the end, one that is left in the middle."""
    runs: dict[str, list[Figures]] = {kind: [] for kind in WORKERS}
    with databases.clone(rows) as url, tempfile.TemporaryDirectory() as directory:
        for number in range(rounds):
            for kind, options in WORKERS.items():
                announce(f"report, round {number + 1} of {rounds}: {kind} worker")
                with serving(url, options, directory=Path(directory), settings=SETTINGS) as server:
                    runs[kind].append(_measure(server, url, rows, slow_seconds))
    medians = {kind: _medians(some) for kind, some in runs.items()}
    figures = {
        "slow_seconds": slow_seconds,
        "workers": [
            {"kind": kind, "medians": medians[kind], "runs": runs[kind]} for kind in WORKERS
        ],
    }
    return Part("report", figures, _verdicts(runs))


def _measure(server: WebServer, url: str, rows: int, slow_seconds: float) -> Figures:
    # Everything is imported then, but nothing long has been served.
    download(server.port, "/tickets.csv?rows=10&seconds=0", lambda: None)
    before = peak = server.largest_worker_bytes()

    def look() -> None:
        nonlocal peak
        peak = max(peak, server.largest_worker_bytes())

    got = download(server.port, f"/tickets.csv?rows={rows}&seconds={slow_seconds}", look)
    look()
    if got.lines != rows + 1:
        raise BenchmarkError(f"the report has {got.lines:,} lines for {rows:,} rows and a header")
    return {
        "seconds": got.seconds,
        "first_byte_seconds": got.first_byte_seconds,
        "longest_silence_seconds": got.longest_silence_seconds,
        "file_bytes": got.file_bytes,
        "blank_lines": got.blank_lines,
        "memory_growth_mb": (peak - before) / 1e6,
        "cancel_seconds": _cancel_seconds(server, url),
    }


def _cancel_seconds(server: WebServer, url: str) -> float:
    """From the client's hanging up until the database has ended the query."""
    with connected(url) as connection, connection.cursor() as cursor:

        def sessions() -> int:
            cursor.execute(_SESSIONS, [APPLICATION_NAME])
            (found,) = cursor.fetchone() or (0,)
            return int(found)

        path = f"/tickets.csv?rows=1&seconds={_NEVER_SECONDS}"
        ask_and_go(server.port, path, when=lambda: _await(lambda: sessions() == 1))
        started = time.perf_counter()
        _await(lambda: sessions() == 0)
        return time.perf_counter() - started


def _await(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _GIVE_UP_SECONDS
    while not happened():
        if time.monotonic() > deadline:
            raise BenchmarkError("the query did not begin, or end, within a minute")
        time.sleep(_LOOK_SECONDS)


def _medians(runs: Sequence[Figures]) -> Figures:
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def _verdicts(runs: Mapping[str, Sequence[Figures]]) -> list[Verdict]:
    """Each bound holds for the worst run, not for the median."""
    bounds: dict[str, tuple[str, float]] = {
        "first_byte_seconds": ("seconds to the first byte", FIRST_BYTE_SECONDS),
        "longest_silence_seconds": ("longest silence, seconds", SILENCE_SECONDS),
        "memory_growth_mb": ("memory of the worker, MB more", MORE_MEMORY_MB),
        "cancel_seconds": ("seconds until a lost client's query ends", CANCEL_SECONDS),
    }
    every: list[Any] = [run for some in runs.values() for run in some]
    return [
        Verdict(what, max(run[key] for run in every), at_most=most)
        for key, (what, most) in bounds.items()
    ]
