"""One rotation beside traffic, and what several of them add to its delays."""

import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.errors import BenchmarkError
from benchmark.processes.databases import Databases
from benchmark.recipes.recipe import Recipe
from benchmark.traffic.pgbench import CLIENTS, QUICK_SATURATING_CLIENTS, running_traffic
from benchmark.traffic.transactions import percentile

BUDGET_MS = 5.0
QUIET_SECONDS, QUICK_QUIET_SECONDS = 10.0, 0.5
RARE_RATE = 50
"""Up to this rate the 95th percentile is judged, above it the 99th."""
RESAMPLES = 500
SURE_PERCENT = 95


@dataclass(frozen=True, slots=True)
class Run:
    """The traffic's delays in ms just before and beside one rotation of every row."""

    rows_per_second: float
    quiet_ms: tuple[float, ...]
    beside_ms: tuple[float, ...]


def measure_run(
    databases: Databases, recipe: Recipe, rate: float | None, rows: int, *, quick: bool
) -> Run:
    """One rotation of every row, on a clone of its own, beside traffic that was there before."""
    quiet_seconds = QUICK_QUIET_SECONDS if quick else QUIET_SECONDS
    with databases.clone(rows) as url, tempfile.TemporaryDirectory() as directory:
        recipe.prepare(url)
        with running_traffic(
            url,
            rows=rows,
            warm_up_seconds=quiet_seconds / 2,
            directory=Path(directory),
            rate_per_second=rate,
            clients=QUICK_SATURATING_CLIENTS if quick and rate is None else CLIENTS,
        ) as traffic:
            quiet_since = time.time()
            time.sleep(quiet_seconds)
            quiet_until = time.time()
            finished = recipe.run(url)
            traffic.end_after(finished.ended_at)
        databases.check(url, recipe, finished, rows)
        began_at = finished.ended_at - finished.seconds
        quiet = traffic.between(quiet_since, quiet_until)
        beside = traffic.between(began_at, finished.ended_at)
    if not quiet or not beside:
        raise BenchmarkError("no transaction fell into a window: it needs more --rows")
    return Run(
        rows_per_second=finished.rows / finished.seconds,
        quiet_ms=tuple(one.latency_seconds * 1e3 for one in quiet),
        beside_ms=tuple(one.latency_seconds * 1e3 for one in beside),
    )


def judged_percent(rate: float | None) -> int:
    """Return the percentile that says what is added beside so many transactions a second."""
    return 95 if rate is not None and rate <= RARE_RATE else 99


def median_rate(some: Sequence[Run]) -> float:
    """Return rows a second."""
    return statistics.median(run.rows_per_second for run in some)


def pooled(windows: Sequence[Sequence[float]]) -> list[float]:
    """Return all of them, in ascending order."""
    return sorted(one for window in windows for one in window)


def added_ms(rate: float | None, some: Sequence[Run]) -> tuple[float, tuple[float, float]]:
    """Return what is added at the judged percentile, with an interval by resampling whole runs."""
    percent, draw = judged_percent(rate), random.Random(0)

    def difference(chosen: Sequence[Run]) -> float:
        beside = percentile(pooled([run.beside_ms for run in chosen]), percent)
        return beside - percentile(pooled([run.quiet_ms for run in chosen]), percent)

    drawn = sorted(difference(draw.choices(some, k=len(some))) for _ in range(RESAMPLES))
    tail = (100 - SURE_PERCENT) / 2
    return difference(some), (percentile(drawn, tail), percentile(drawn, 100 - tail))
