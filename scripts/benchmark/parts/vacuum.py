"""How often a VACUUM beside the batches should begin."""

import statistics
from typing import Any

from benchmark.announce import announce
from benchmark.measures import RATE, TAKEN
from benchmark.measures.measured_run import Figures, measured_run
from benchmark.parts.part import Part
from benchmark.parts.rounds import shifted
from benchmark.processes.databases import Databases
from benchmark.recipes.recipe import Recipe, rotate_tokens
from token_rotation.options import RotationOptions

EVERY_PERCENT, QUICK_EVERY_PERCENT = (0.0, 5.0, 10.0, 20.0), (0.0, 10.0)
WORKERS, QUICK_WORKERS = (1, 2), (1,)
RATIO = "ratio_to_default"


def measure_vacuum(databases: Databases, *, rows: int, rounds: int, quick: bool) -> Part:
    """Shares of the rows, 0 for never, in each round; the rate is compared within the round."""
    settings = []
    shares = QUICK_EVERY_PERCENT if quick else EVERY_PERCENT
    for workers in QUICK_WORKERS if quick else WORKERS:
        runs: dict[float, list[Figures]] = {every: [] for every in shares}
        for number in range(rounds):
            for every in shifted(shares, number):
                recipe = _recipe(workers, every)
                announce(f"vacuum, round {number + 1} of {rounds}: {recipe.title}")
                runs[every].append(measured_run(databases, recipe, rows))
        default = runs[RotationOptions().vacuum_every_percent]
        settings += [_as_json(workers, every, runs[every], default) for every in shares]
    return Part("vacuum", {"settings_compared": settings})


def _recipe(workers: int, every_percent: float) -> Recipe:
    options = ("--workers", f"{workers}", "--vacuum-every", f"{every_percent:g}")
    return Recipe("", " ".join(("rotate_tokens", *options)), rotate_tokens(*options))


def _as_json(
    workers: int, every_percent: float, runs: list[Figures], default: list[Figures]
) -> dict[str, Any]:
    pairs = zip(runs, default, strict=True)
    ratios = [(run[RATE.key] or 0) / (beside[RATE.key] or 1) for run, beside in pairs]
    return {
        "workers": workers,
        "vacuum_every_percent": every_percent,
        "medians": {
            RATIO: statistics.median(ratios),
            **{m.key: statistics.median(run[m.key] or 0 for run in runs) for m in TAKEN},
        },
        "runs": runs,
    }
