"""How fast the recipes are with no traffic, and what they cost the client, the disk, the log."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmark.announce import announce
from benchmark.measures import HEAP, MEMORY, RATE, TAKEN
from benchmark.measures.measured_run import Figures, measured_run
from benchmark.parts.median import median
from benchmark.parts.part import Part
from benchmark.parts.rounds import shifted
from benchmark.parts.verdict import Verdict
from benchmark.processes.databases import Databases
from benchmark.recipes import (
    BASELINE,
    INDEPENDENT,
    INDEPENDENT_TWO_WORKERS,
    ONE_WORKER,
    PYTHON_TOKENS,
    TWO_WORKERS,
    WELL_KNOWN,
)
from benchmark.recipes.recipe import Recipe

ONE_WORKER_AT_LEAST = 0.9
TWO_WORKERS_AT_LEAST = 1.6
PYTHON_TOKENS_AT_LEAST = 0.5
TIMES_WELL_KNOWN_AT_LEAST = 25.0
HEAP_GROWTH_AT_MOST = 1.25
MEMORY_AT_MOST_MB = 100.0
RUNS_A_ROUND = {
    ONE_WORKER.key: 2,
    TWO_WORKERS.key: 2,
    INDEPENDENT.key: 1,
    INDEPENDENT_TWO_WORKERS.key: 1,
}
"""Each directly after a single UPDATE of its own. What has a bound runs twice: its rate wavers, and
so does the size of the table with autovacuum, which comes when it likes."""
RATIO = "ratio_to_single_update"

Runs = Mapping[str, list[Figures]]


def measure_speed(
    databases: Databases, recipes: Sequence[Recipe], *, rows: int, rounds: int, quick: bool
) -> Part:
    """Every recipe in each round, which begin with another one each, on its own clone.

    A machine is not as fast now as it was some minutes ago: those that are judged by the single
    UPDATE run directly after one, the others are compared to the last one before them. Before the
    first round the single UPDATE and our default run once as a warm-up. With ``quick`` they do not,
    and each recipe runs once.
    """
    for recipe in () if quick else (BASELINE, ONE_WORKER):
        announce(f"speed, warm-up: {recipe.title}")
        measured_run(databases, recipe, rows)
    runs: dict[str, list[Figures]] = {recipe.key: [] for recipe in (BASELINE, *recipes)}
    compared = [recipe for recipe in recipes if recipe is not BASELINE]
    for number in range(rounds):
        _run(databases, BASELINE, rows, runs)
        for recipe in shifted(compared, number):
            announce(f"speed, round {number + 1} of {rounds}: {recipe.title}")
            closely = 0 if quick else RUNS_A_ROUND.get(recipe.key, 0)
            for _ in range(max(1, closely)):
                if closely:
                    _run(databases, BASELINE, rows, runs)
                _run(databases, recipe, rows, runs)
    figures = [_as_json(recipe, rows, runs[recipe.key]) for recipe in recipes]
    return Part("speed", {"recipes": figures}, _verdicts(runs))


def _run(databases: Databases, recipe: Recipe, rows: int, runs: Runs) -> None:
    """Once, and note how fast it was beside the single UPDATE before it."""
    run = measured_run(databases, recipe, recipe.rows(rows))
    baseline = run if recipe is BASELINE else runs[BASELINE.key][-1]
    ratio = (run[RATE.key] or 0.0) / (baseline[RATE.key] or 1.0)
    runs[recipe.key].append({**run, RATIO: ratio})


def _as_json(recipe: Recipe, rows: int, runs: Sequence[Figures]) -> dict[str, Any]:
    return {
        "key": recipe.key,
        "title": recipe.title,
        "rows": recipe.rows(rows),
        RATIO: _median(runs, RATIO),
        "medians": {m.key: _median(runs, m.key) for m in TAKEN},
        "runs": runs,
    }


def _verdicts(runs: Runs) -> list[Verdict]:
    """Those whose recipes were measured."""
    verdicts = []
    for recipe, other, at_least in (
        (ONE_WORKER, BASELINE, ONE_WORKER_AT_LEAST),
        (TWO_WORKERS, BASELINE, TWO_WORKERS_AT_LEAST),
        (PYTHON_TOKENS, ONE_WORKER, PYTHON_TOKENS_AT_LEAST),
        (ONE_WORKER, WELL_KNOWN, TIMES_WELL_KNOWN_AT_LEAST),
    ):
        if recipe.key in runs and other.key in runs:
            what = f"rate of {recipe.title} / {other.title}"
            verdicts.append(Verdict(what, _ratio(runs, recipe, other), at_least=at_least))
    for recipe in (ONE_WORKER, TWO_WORKERS):
        if recipe.key in runs:
            heap = _median(runs[recipe.key], HEAP.key) or 0.0
            what = f"heap growth of {recipe.title}"
            verdicts.append(Verdict(what, heap, at_most=HEAP_GROWTH_AT_MOST))
    if ONE_WORKER.key in runs:
        what = "peak client memory, MB"
        verdicts.append(Verdict(what, _most(runs) / 1e6, at_most=MEMORY_AT_MOST_MB))
    return verdicts


def _ratio(runs: Runs, recipe: Recipe, other: Recipe) -> float:
    """To the single UPDATE directly before; to others in each round."""
    if other is BASELINE:
        return _median(runs[recipe.key], RATIO) or 0.0
    rounds = min(len(runs[recipe.key]), len(runs[other.key]))
    pairs = zip(_rates(runs[recipe.key], rounds), _rates(runs[other.key], rounds), strict=True)
    return statistics.median(rate / (other_rate or 1) for rate, other_rate in pairs)


def _rates(runs: Sequence[Figures], rounds: int) -> list[float]:
    """One a round, in which a recipe may have run several times."""
    size = len(runs) // rounds
    first = range(0, rounds * size, size)
    return [_median(runs[number : number + size], RATE.key) or 0.0 for number in first]


def _most(runs: Runs) -> float:
    ours = [run for key, all_runs in runs.items() if key.startswith("rotate-") for run in all_runs]
    return max(run[MEMORY.key] or 0.0 for run in ours)


def _median(runs: Sequence[Figures], key: str) -> float | None:
    return median(run[key] for run in runs)
