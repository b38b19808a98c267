"""How fast the recipes are, with no traffic."""

import statistics
from collections.abc import Sequence
from typing import Any

from benchmark.announce import announce
from benchmark.databases import Databases
from benchmark.measure import Measure
from benchmark.measures import RATE, TAKEN
from benchmark.recipe import Recipe
from benchmark.recipes import BASELINE, COMPARED, DEFAULT_ROTATION
from benchmark.rounds import rotated
from benchmark.table import table
from benchmark.verdict import Verdict

RATIO_AT_LEAST = 0.8

Figures = dict[str, float | None]


class Speed:
    """Every recipe once a round, each on its own clone; the first round only warms up."""

    def __init__(
        self,
        databases: Databases,
        *,
        rounds: int,
        recipes: Sequence[Recipe] = COMPARED,
        measures: Sequence[Measure] = TAKEN,
    ) -> None:
        self._databases = databases
        self._measures = measures
        self.runs: dict[str, list[Figures]] = {recipe.name: [] for recipe in recipes}
        for number in range(rounds + 1):
            for recipe in rotated(recipes, number):
                announce(f"speed, round {number} of {rounds}: {recipe.name}")
                figures = self._measure(recipe)
                if number:
                    self.runs[recipe.name].append(figures)

    def _measure(self, recipe: Recipe) -> Figures:
        with self._databases.clone() as url:
            for measure in self._measures:
                measure.start(url)
            finished = recipe.run(url)
            figures = {measure.key: measure.read(url, finished) for measure in self._measures}
            self._databases.check(url, recipe, finished)
        return figures

    def ratio(self, name: str) -> float:
        """The median of each round's rate over the baseline's rate in the same round."""
        pairs = zip(self.runs[name], self.runs[BASELINE.name], strict=True)
        return statistics.median(_rate(one) / _rate(base) for one, base in pairs)

    @property
    def verdict(self) -> Verdict:
        what = f"{DEFAULT_ROTATION.name} / {BASELINE.name}"
        return Verdict(what, self.ratio(DEFAULT_ROTATION.name), at_least=RATIO_AT_LEAST)

    def as_json(self) -> dict[str, Any]:
        recipes = [
            {
                "name": name,
                "ratio_to_single_update": self.ratio(name),
                "medians": {m.key: _median(runs, m.key) for m in self._measures},
                "runs": runs,
            }
            for name, runs in self.runs.items()
        ]
        return {"recipes": recipes, "verdict": self.verdict.as_json()}

    def __str__(self) -> str:
        heads = ("speed (medians)", *(m.title for m in self._measures), f"to {BASELINE.name}")
        rows = [
            (name, *(_shown(m, _median(runs, m.key)) for m in self._measures), self._shown(name))
            for name, runs in self.runs.items()
        ]
        return f"{table(heads, rows)}\n{self.verdict}"

    def _shown(self, name: str) -> str:
        return f"{self.ratio(name):.2f}"


def _rate(figures: Figures) -> float:
    return figures[RATE.key] or 0.0


def _median(runs: Sequence[Figures], key: str) -> float | None:
    known = [figure for run in runs if (figure := run[key]) is not None]
    return statistics.median(known) if known else None


def _shown(measure: Measure, figure: float | None) -> str:
    return "–" if figure is None else measure.shown(figure)
