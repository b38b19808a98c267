"""How soon a recipe goes on after it was killed."""

from collections.abc import Sequence
from typing import Any

from benchmark.announce import announce
from benchmark.parts.median import median
from benchmark.parts.part import Part
from benchmark.parts.rounds import shifted
from benchmark.processes.databases import Databases
from benchmark.recipes.interrupted import SecondsAt, resume_seconds
from benchmark.recipes.recipe import Recipe

PERCENTS = (50, 95)


def measure_resume(
    databases: Databases, recipes: Sequence[Recipe], *, rows: int, rounds: int
) -> Part:
    """Those that need not start over, killed once a round at 50 and at 95 % of the rows."""
    able = [recipe for recipe in recipes if recipe.resumes and not recipe.only_speed]
    runs: dict[str, list[SecondsAt]] = {recipe.key: [] for recipe in able}
    for number in range(rounds):
        for recipe in shifted(able, number):
            announce(f"resume, round {number + 1} of {rounds}: {recipe.title}")
            seconds = resume_seconds(databases, recipe, rows=recipe.rows(rows), percents=PERCENTS)
            runs[recipe.key].append(seconds)
    figures = [_as_json(recipe, recipe.rows(rows), runs[recipe.key]) for recipe in able]
    return Part("resume", {"recipes": figures})


def _as_json(recipe: Recipe, rows: int, runs: Sequence[SecondsAt]) -> dict[str, Any]:
    medians = {f"resume_seconds_at_{p}": median(run[p] for run in runs) for p in PERCENTS}
    return {
        "key": recipe.key,
        "title": recipe.title,
        "rows": rows,
        "medians": medians,
        "runs": [{f"{percent}": seconds for percent, seconds in run.items()} for run in runs],
    }
