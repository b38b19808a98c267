"""One run of one recipe, and every figure of it."""

from benchmark.measures import TAKEN
from benchmark.processes.databases import Databases
from benchmark.recipes.recipe import Recipe

Figures = dict[str, float | None]


def measured_run(databases: Databases, recipe: Recipe, rows: int) -> Figures:
    """Run it on a new clone with ``rows`` rows. Raises BenchmarkError when it left any out."""
    with databases.clone(rows) as url:
        recipe.prepare(url)
        for measure in TAKEN:
            measure.start(url)
        finished = recipe.run(url)
        figures = {measure.key: measure.read(url, finished) for measure in TAKEN}
        databases.check(url, recipe, finished, rows)
    return figures
