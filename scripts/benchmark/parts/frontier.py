"""The frontier: rows a second against what is added to the traffic's delays."""

import random
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.announce import announce
from benchmark.errors import BenchmarkError
from benchmark.parts.part import Part
from benchmark.parts.rounds import shifted
from benchmark.parts.verdict import Verdict
from benchmark.processes.databases import Databases
from benchmark.recipes import KEY_RANGES, PACED
from benchmark.recipes.recipe import Recipe
from benchmark.traffic.pgbench import running_traffic
from benchmark.traffic.transactions import percentile

JUDGED = PACED[0]
FEWEST_TRANSACTIONS = 2_000
"""In each window of what is judged, and of the range loop."""
MOST_RUNS = 40
QUIET_SECONDS, QUICK_QUIET_SECONDS = 10.0, 0.5
RARE_RATE = 50
"""Up to this rate the 95th percentile is judged, above it the 99th."""
RESAMPLES = 500
SURE_PERCENT = 95

NEEDED_RATIO: Mapping[float | None, float] = {
    10: 0.7,
    50: 0.7,
    300: 0.7,
    1_000: 0.5,
    2_500: 0.25,
    None: 0.05,
}
BUDGET_MS = 5.0


@dataclass(frozen=True, slots=True)
class Run:
    """The traffic's delays in ms just before and beside one rotation of every row."""

    rows_per_second: float
    quiet_ms: tuple[float, ...]
    beside_ms: tuple[float, ...]


Runs = Mapping[tuple[float | None, str], Sequence[Run]]


def measure_frontier(
    databases: Databases,
    *,
    rows: int,
    rounds: int,
    rates: Sequence[float | None],
    quick: bool,
) -> Part:
    """Every recipe at every rate, on a clone of its own, after a quiet window of the same traffic.

    ``rates`` are transactions a second, None for as many as saturate the cores. Rows a second are
    told as ratios to the range loop's without traffic.
    """
    alone = statistics.median(_alone(databases, rows) for _ in range(rounds))
    runs: dict[tuple[float | None, str], list[Run]] = {}
    for rate in rates:
        for number in range(1 if quick else MOST_RUNS):
            todo = [one for one in PACED if _lacks(one, runs.get((rate, one.key), ()), rounds)]
            if not todo:
                break
            for recipe in shifted(todo, number):
                announce(f"traffic, {_named(rate)}, run {number + 1}: {recipe.title}")
                run = measure_run(databases, recipe, rate, rows, quick=quick)
                runs.setdefault((rate, recipe.key), []).append(run)
    figures = {
        "budget_ms": BUDGET_MS,
        "quiet_seconds": QUICK_QUIET_SECONDS if quick else QUIET_SECONDS,
        "loop_alone_rows_per_second": alone,
        "traffic": [_as_json(rate, runs, alone) for rate in rates],
    }
    verdicts = [verdict for rate in rates for verdict in _verdicts(rate, runs, alone)]
    return Part("traffic", figures, verdicts)


def _alone(databases: Databases, rows: int) -> float:
    """Rows a second of the range loop while nobody else works."""
    announce(f"no traffic: {KEY_RANGES.title}")
    with databases.clone(rows) as url:
        KEY_RANGES.prepare(url)
        finished = KEY_RANGES.run(url)
    return finished.rows / finished.seconds


def _lacks(recipe: Recipe, some: Sequence[Run], rounds: int) -> bool:
    """Return True where more runs are needed."""
    if len(some) < rounds or recipe not in (JUDGED, KEY_RANGES):
        return len(some) < rounds
    windows = ([run.quiet_ms for run in some], [run.beside_ms for run in some])
    return any(sum(map(len, window)) < FEWEST_TRANSACTIONS for window in windows)


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


def _named(rate: float | None) -> str:
    return "full load" if rate is None else f"{rate:g}/s"


def judged_percent(rate: float | None) -> int:
    """Return the percentile that says what is added beside so many transactions a second."""
    return 95 if rate is not None and rate <= RARE_RATE else 99


def _as_json(rate: float | None, runs: Runs, alone: float) -> dict[str, Any]:
    return {
        "transactions_per_second": rate,
        "judged_percent": judged_percent(rate),
        "recipes": [_recipe_as_json(one, rate, runs[rate, one.key], alone) for one in PACED],
    }


def _recipe_as_json(
    recipe: Recipe, rate: float | None, some: Sequence[Run], alone: float
) -> dict[str, Any]:
    quiet = _pooled([run.quiet_ms for run in some])
    beside = _pooled([run.beside_ms for run in some])
    added, (least, most) = added_ms(rate, some)
    return {
        "key": recipe.key,
        "title": recipe.title,
        "runs": len(some),
        "transactions": [len(quiet), len(beside)],
        "rows_per_second": _rate(some),
        "ratio_to_loop_alone": _rate(some) / alone,
        **{f"quiet_p{each}_ms": percentile(quiet, each) for each in (50, 95, 99)},
        **{f"beside_p{each}_ms": percentile(beside, each) for each in (50, 95, 99)},
        "added_ms": added,
        "added_ms_between": [least, most],
    }


def _rate(some: Sequence[Run]) -> float:
    return statistics.median(run.rows_per_second for run in some)


def _pooled(windows: Sequence[Sequence[float]]) -> list[float]:
    return sorted(one for window in windows for one in window)


def added_ms(rate: float | None, some: Sequence[Run]) -> tuple[float, tuple[float, float]]:
    """Return what is added at the judged percentile, with an interval by resampling whole runs."""
    percent, draw = judged_percent(rate), random.Random(0)

    def difference(chosen: Sequence[Run]) -> float:
        beside = percentile(_pooled([run.beside_ms for run in chosen]), percent)
        return beside - percentile(_pooled([run.quiet_ms for run in chosen]), percent)

    drawn = sorted(difference(draw.choices(some, k=len(some))) for _ in range(RESAMPLES))
    tail = (100 - SURE_PERCENT) / 2
    return difference(some), (percentile(drawn, tail), percentile(drawn, 100 - tail))


def _verdicts(rate: float | None, runs: Runs, alone: float) -> list[Verdict]:
    ours = runs[rate, JUDGED.key]
    percent, beside = judged_percent(rate), f"beside {_named(rate)}"
    at_most = BUDGET_MS
    if rate is None:
        at_most = max(BUDGET_MS, percentile(_pooled([run.quiet_ms for run in ours]), percent) / 2)
    added, _ = added_ms(rate, ours)
    return [
        Verdict(
            f"rate {beside}",
            _rate(ours) / alone,
            at_least=NEEDED_RATIO.get(rate),
        ),
        Verdict(f"ms added to p{percent} {beside}", added, at_most=at_most),
    ]
