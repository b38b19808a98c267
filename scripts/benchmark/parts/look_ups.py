"""What customers who open their tickets over HTTP feel of a rotation."""

import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmark.announce import announce
from benchmark.errors import BenchmarkError
from benchmark.parts.part import Part
from benchmark.parts.verdict import Verdict
from benchmark.processes.connection import connected, one_value
from benchmark.processes.databases import Databases
from benchmark.processes.web_server import serving
from benchmark.recipes import ONE_WORKER
from benchmark.traffic.download import ask_and_go
from benchmark.traffic.wrk import CONNECTIONS, PAUSE_MS, Load, look_up

SERVER = ("--workers", "2")
RATIO_AT_MOST = 1.5
FIRST_REQUESTS = 20
WARM_UP_SECONDS = 3
ROWS_PER_SECOND = 120_000
"""Faster than a rotation beside traffic, so that it outlasts the load."""

SITUATIONS = {"quiet": "quiet", "rotation": ONE_WORKER.title}
_PENDING = "SELECT count(*) FROM tickets_ticket WHERE token_rotated_at IS NULL"
_NEXT = "SELECT id FROM tickets_ticket WHERE token_rotated_at IS NULL ORDER BY id LIMIT 1"
# Every tenth customer has a new link already, and opens it in the midst of the rows being rotated.
_ROTATE_SOME = (
    "UPDATE tickets_ticket SET token = gen_random_uuid(), token_rotated_at = clock_timestamp() "
    "WHERE id % 10 = 0"
)
_TOKENS = "SELECT token::text FROM tickets_ticket WHERE id % 10 = 0 ORDER BY random() LIMIT 10000"


def measure_look_ups(databases: Databases, *, rows: int, rounds: int, seconds: int) -> Part:
    """The same load on the same server, without a rotation and during one."""
    rows = max(rows, ROWS_PER_SECOND * (seconds + WARM_UP_SECONDS))
    runs: dict[str, list[dict[str, Any]]] = {key: [] for key in SITUATIONS}
    for number in range(rounds):
        announce(f"http, round {number + 1} of {rounds}: {rows:,} rows, {seconds} s each")
        for key, figures in _measure(databases, rows, seconds).items():
            runs[key].append(figures)
    figures = {
        "rows": rows,
        "seconds": seconds,
        "connections": CONNECTIONS,
        "pause_ms": PAUSE_MS,
        "situations": [
            {"key": key, "title": title, "medians": _medians(runs[key]), "runs": runs[key]}
            for key, title in SITUATIONS.items()
        ],
    }
    return Part("http", figures, _verdicts(runs))


def _measure(databases: Databases, rows: int, seconds: int) -> dict[str, dict[str, Any]]:
    with databases.clone(rows) as url, tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        tokens = directory / "tokens"
        issued = _issued(url)
        tokens.write_text("".join(f"{token}\n" for token in issued))
        with serving(url, SERVER, directory=directory) as server:
            for token in issued[:FIRST_REQUESTS]:  # however long the workers need to be there
                ask_and_go(server.port, f"/t/{token}/", when=lambda: None)
            look_up(server.port, tokens, min(WARM_UP_SECONDS, seconds))
            quiet = look_up(server.port, tokens, seconds)
            # It begins in the midst of requests: with none to see, it would be done at once.
            with (
                ThreadPoolExecutor(max_workers=1) as pool,
                _rotating(
                    url, pool.submit(look_up, server.port, tokens, WARM_UP_SECONDS)
                ) as rotation,
            ):
                before = one_value(url, _PENDING)
                load = look_up(server.port, tokens, seconds)
                rotated = before - one_value(url, _PENDING)
                if rotation.poll() is not None:
                    raise BenchmarkError("the rotation ended before the load: take more rows")
    return {
        "quiet": {**_figures(quiet), "rotated_rows_per_second": 0.0},
        "rotation": {**_figures(load), "rotated_rows_per_second": rotated / load.seconds},
    }


def _issued(url: str) -> list[str]:
    with connected(url) as connection, connection.cursor() as cursor:
        cursor.execute(_ROTATE_SOME)
        cursor.execute("VACUUM (ANALYZE) tickets_ticket")
        cursor.execute("CHECKPOINT")
        cursor.execute(_TOKENS)
        return [token for (token,) in cursor.fetchall()]


@contextmanager
def _rotating(url: str, beside: "Future[Load]") -> Iterator["subprocess.Popen[bytes]"]:
    """A default rotation that has rotated its first rows; stopped at the end of the block.

    The block begins when the load ``beside`` its start is over.
    """
    first = one_value(url, _NEXT)
    process = ONE_WORKER.start(url)
    try:
        while one_value(url, _NEXT) == first:
            if process.poll() is not None:
                raise BenchmarkError("the rotation did not begin")
            time.sleep(0.1)
        beside.result()
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _figures(load: Load) -> dict[str, Any]:
    return {**asdict(load), "requests_per_second": load.requests_per_second}


def _medians(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def _verdicts(runs: Mapping[str, Sequence[Mapping[str, float]]]) -> list[Verdict]:
    neighbours = zip(runs["rotation"], runs["quiet"], strict=True)
    p99_ratio = statistics.median(
        during["p99_ms"] / quiet["p99_ms"] for during, quiet in neighbours
    )
    errors = sum(run["errors"] for some in runs.values() for run in some)
    what = f"p99 during {SITUATIONS['rotation']} / quiet"
    return [
        Verdict(what, p99_ratio, at_most=RATIO_AT_MOST),
        Verdict("errors, all runs", errors, at_most=0),
    ]
