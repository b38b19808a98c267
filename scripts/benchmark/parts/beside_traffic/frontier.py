"""The frontier: rows a second against what is added to the traffic's delays."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmark.announce import announce
from benchmark.parts.beside_traffic.run import (
    BUDGET_MS,
    QUICK_QUIET_SECONDS,
    QUIET_SECONDS,
    Run,
    added_ms,
    judged_percent,
    measure_run,
    median_rate,
    pooled,
)
from benchmark.parts.part import Part
from benchmark.parts.rounds import shifted
from benchmark.parts.verdict import Verdict
from benchmark.processes.databases import Databases
from benchmark.recipes import KEY_RANGES, PACED
from benchmark.recipes.recipe import Recipe
from benchmark.traffic.transactions import percentile

JUDGED = PACED[0]
FEWEST_TRANSACTIONS = 2_000
"""In each window of what is judged, and of the range loop."""
MOST_RUNS = 40

NEEDED_RATIO: Mapping[float | None, float] = {
    10: 0.7,
    50: 0.7,
    300: 0.7,
    1_000: 0.5,
    2_500: 0.25,
    None: 0.05,
}


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


def _named(rate: float | None) -> str:
    return "full load" if rate is None else f"{rate:g}/s"


def _as_json(rate: float | None, runs: Runs, alone: float) -> dict[str, Any]:
    return {
        "transactions_per_second": rate,
        "judged_percent": judged_percent(rate),
        "recipes": [_recipe_as_json(one, rate, runs[rate, one.key], alone) for one in PACED],
    }


def _recipe_as_json(
    recipe: Recipe, rate: float | None, some: Sequence[Run], alone: float
) -> dict[str, Any]:
    quiet = pooled([run.quiet_ms for run in some])
    beside = pooled([run.beside_ms for run in some])
    added, (least, most) = added_ms(rate, some)
    return {
        "key": recipe.key,
        "title": recipe.title,
        "runs": len(some),
        "transactions": [len(quiet), len(beside)],
        "rows_per_second": median_rate(some),
        "ratio_to_loop_alone": median_rate(some) / alone,
        **{f"quiet_p{each}_ms": percentile(quiet, each) for each in (50, 95, 99)},
        **{f"beside_p{each}_ms": percentile(beside, each) for each in (50, 95, 99)},
        "added_ms": added,
        "added_ms_between": [least, most],
    }


def _verdicts(rate: float | None, runs: Runs, alone: float) -> list[Verdict]:
    ours = runs[rate, JUDGED.key]
    percent, beside = judged_percent(rate), f"beside {_named(rate)}"
    at_most = BUDGET_MS
    if rate is None:
        at_most = max(BUDGET_MS, percentile(pooled([run.quiet_ms for run in ours]), percent) / 2)
    added, _ = added_ms(rate, ours)
    return [
        Verdict(
            f"rate {beside}",
            median_rate(ours) / alone,
            at_least=NEEDED_RATIO.get(rate),
        ),
        Verdict(f"ms added to p{percent} {beside}", added, at_most=at_most),
    ]
