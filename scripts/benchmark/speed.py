"""How fast the recipes are with no traffic, and what they cost the client, the disk, the log."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmark.announce import announce
from benchmark.databases import Databases
from benchmark.measured_run import Figures, measured_run
from benchmark.measures import HEAP, MEMORY, RATE, TAKEN
from benchmark.part import Part
from benchmark.recipe import Recipe
from benchmark.recipes import BASELINE, ONE_WORKER, PYTHON_TOKENS, TWO_WORKERS, WELL_KNOWN
from benchmark.rounds import rotated
from benchmark.verdict import Verdict

ONE_WORKER_AT_LEAST = 0.9
TWO_WORKERS_AT_LEAST = 1.6
PYTHON_TOKENS_AT_LEAST = 0.5
TIMES_WELL_KNOWN_AT_LEAST = 25.0
HEAP_GROWTH_AT_MOST = 1.25
MEMORY_AT_MOST_MB = 100.0

Runs = Mapping[str, list[Figures]]


def measure_speed(
    databases: Databases, recipes: Sequence[Recipe], *, rows: int, rounds: int, warm_up: bool
) -> Part:
    """Every recipe once a round, in rotated order, each on its own clone.

    With ``warm_up``, the single UPDATE and our default run once before the first round.
    """
    for recipe in (BASELINE, ONE_WORKER) if warm_up else ():
        announce(f"speed, warm-up: {recipe.title}")
        measured_run(databases, recipe, rows)
    runs: dict[str, list[Figures]] = {recipe.key: [] for recipe in recipes}
    for number in range(rounds):
        for recipe in rotated(recipes, number):
            announce(f"speed, round {number + 1} of {rounds}: {recipe.title}")
            runs[recipe.key].append(measured_run(databases, recipe, recipe.rows(rows)))
    figures = [_as_json(recipe, rows, runs) for recipe in recipes]
    return Part("speed", {"recipes": figures}, _verdicts(runs))


def _as_json(recipe: Recipe, rows: int, runs: Runs) -> dict[str, Any]:
    return {
        "key": recipe.key,
        "title": recipe.title,
        "rows": recipe.rows(rows),
        "ratio_to_single_update": _ratio(runs, recipe.key, BASELINE.key),
        "medians": {m.key: _median(runs[recipe.key], m.key) for m in TAKEN},
        "runs": runs[recipe.key],
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
            what = f"rate of {recipe.title} / rate of {other.title}"
            ratio = _ratio(runs, recipe.key, other.key)
            verdicts.append(Verdict(what, ratio, at_least=at_least))
    ours = runs.get(ONE_WORKER.key)
    if ours:
        for what, figure, at_most in (
            ("heap after / before", _median(ours, HEAP.key), HEAP_GROWTH_AT_MOST),
            ("peak client memory in MB", _most(runs) / 1e6, MEMORY_AT_MOST_MB),
        ):
            name = f"{what} of {ONE_WORKER.title}"
            verdicts.append(Verdict(name, figure or 0.0, at_most=at_most))
    return verdicts


def _ratio(runs: Runs, key: str, other: str) -> float:
    """The median of each round's rate over the other's rate in the same round."""
    pairs = zip(runs[key], runs[other], strict=True)
    return statistics.median((a[RATE.key] or 0) / (b[RATE.key] or 1) for a, b in pairs)


def _most(runs: Runs) -> float:
    """The peak of all our runs, whatever the number of workers."""
    ours = [run for key, all_runs in runs.items() if key.startswith("rotate-") for run in all_runs]
    return max(run[MEMORY.key] or 0.0 for run in ours)


def _median(runs: Sequence[Figures], key: str) -> float | None:
    known = [figure for run in runs if (figure := run[key]) is not None]
    return statistics.median(known) if known else None
