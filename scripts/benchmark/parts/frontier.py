"""The frontier: rows a second against what is added to the traffic's delays."""

import math
import random
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.announce import announce
from benchmark.parts.part import Part
from benchmark.parts.rounds import shifted
from benchmark.parts.verdict import Verdict
from benchmark.processes.databases import Databases
from benchmark.recipes import KEY_RANGES, PACED
from benchmark.recipes.recipe import Recipe
from benchmark.traffic.pgbench import running_traffic
from benchmark.traffic.transactions import percentile

RATES: tuple[float | None, ...] = (10, 50, 300, 1_000, 2_500, None)
"""Transactions a second; None: as many as saturate the cores."""
FEWEST_TRANSACTIONS = 2_000
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


def measure_frontier(databases: Databases, *, rows: int, rounds: int, quick: bool) -> Part:
    """Every recipe at every rate, on a clone of its own, after a quiet window of the same traffic.

    It is repeated until both windows have at least 2,000 transactions between them.
    """
    runs: dict[tuple[float | None, str], list[Run]] = {}
    for rate in RATES:
        for number in range(1 if quick else MOST_RUNS):
            todo = [one for one in PACED if not _is_enough(runs.get((rate, one.key), ()), rounds)]
            if not todo:
                break
            for recipe in shifted(todo, number):
                announce(f"traffic of {_named(rate)}, run {number + 1}: {recipe.title}")
                run = _measure(databases, recipe, rate, rows, quick=quick)
                runs.setdefault((rate, recipe.key), []).append(run)
    figures = {
        "budget_ms": BUDGET_MS,
        "quiet_seconds": QUICK_QUIET_SECONDS if quick else QUIET_SECONDS,
        "traffic": [_as_json(rate, runs) for rate in RATES],
    }
    return Part("traffic", figures, _verdicts(runs))


def _is_enough(some: Sequence[Run], rounds: int) -> bool:
    windows = ([run.quiet_ms for run in some], [run.beside_ms for run in some])
    return len(some) >= rounds and all(
        sum(map(len, window)) >= FEWEST_TRANSACTIONS for window in windows
    )


def _measure(
    databases: Databases, recipe: Recipe, rate: float | None, rows: int, *, quick: bool
) -> Run:
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
    return Run(
        rows_per_second=finished.rows / finished.seconds,
        quiet_ms=tuple(one.latency_seconds * 1e3 for one in quiet),
        beside_ms=tuple(one.latency_seconds * 1e3 for one in beside),
    )


def _named(rate: float | None) -> str:
    return "both cores" if rate is None else f"{rate:,.0f} a second"


def _judged_percent(rate: float | None) -> int:
    return 95 if rate is not None and rate <= RARE_RATE else 99


def _as_json(rate: float | None, runs: Runs) -> dict[str, Any]:
    loop = _rate(runs[rate, KEY_RANGES.key])
    return {
        "transactions_per_second": rate,
        "judged_percent": _judged_percent(rate),
        "recipes": [_recipe_as_json(one, rate, runs[rate, one.key], loop) for one in PACED],
    }


def _recipe_as_json(
    recipe: Recipe, rate: float | None, some: Sequence[Run], loop: float
) -> dict[str, Any]:
    quiet = _pooled([run.quiet_ms for run in some])
    beside = _pooled([run.beside_ms for run in some])
    added, (least, most) = _added(rate, some)
    return {
        "key": recipe.key,
        "title": recipe.title,
        "runs": len(some),
        "transactions": [len(quiet), len(beside)],
        "rows_per_second": _rate(some),
        "ratio_to_key_ranges": _rate(some) / loop,
        **{f"quiet_p{each}_ms": percentile(quiet, each) for each in (50, 95, 99)},
        **{f"beside_p{each}_ms": percentile(beside, each) for each in (50, 95, 99)},
        "added_ms": added,
        "added_ms_between": [least, most],
    }


def _rate(some: Sequence[Run]) -> float:
    return statistics.median(run.rows_per_second for run in some)


def _pooled(windows: Sequence[Sequence[float]]) -> list[float]:
    return sorted(one for window in windows for one in window)


def _added(rate: float | None, some: Sequence[Run]) -> tuple[float, tuple[float, float]]:
    """What is added at the judged percentile, with an interval by resampling whole runs."""
    percent, draw = _judged_percent(rate), random.Random(0)

    def difference(chosen: Sequence[Run]) -> float:
        beside = percentile(_pooled([run.beside_ms for run in chosen]), percent)
        return beside - percentile(_pooled([run.quiet_ms for run in chosen]), percent)

    drawn = sorted(difference(draw.choices(some, k=len(some))) for _ in range(RESAMPLES))
    tail = (100 - SURE_PERCENT) / 2
    return difference(some), (percentile(drawn, tail), percentile(drawn, 100 - tail))


def _verdicts(runs: Runs) -> list[Verdict]:
    verdicts = []
    for rate in RATES:
        if (rate, PACED[0].key) not in runs:
            continue
        ours, loop = runs[rate, PACED[0].key], runs[rate, KEY_RANGES.key]
        beside = f"beside {_named(rate)}"
        ratio = _rate(ours) / _rate(loop)
        verdicts.append(
            Verdict(f"rate to the range loop's, {beside}", ratio, at_least=NEEDED_RATIO[rate])
        )
        at_most = BUDGET_MS
        if rate is None:
            quiet = percentile(_pooled([run.quiet_ms for run in ours]), 99)
            at_most = max(BUDGET_MS, quiet / 2)
        added, _ = _added(rate, ours)
        percent = _judged_percent(rate)
        verdicts.append(Verdict(f"ms added at the p{percent}, {beside}", added, at_most=at_most))
    return [each for each in verdicts if math.isfinite(each.figure)]
