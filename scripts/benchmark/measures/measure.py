"""One figure of one run."""

from typing import Protocol

from benchmark.recipes.recipe import Finished


class Measure(Protocol):
    """`key` names the figure and its unit in JSON, `title` heads its column."""

    @property
    def key(self) -> str: ...

    @property
    def title(self) -> str: ...

    def start(self, database_url: str) -> None:
        """Called right before a run, for figures that are a difference."""
        ...

    def read(self, database_url: str, finished: Finished) -> float | None:
        """The figure, called right after the run; None: this run has none."""
        ...

    def shown(self, figure: float) -> str:
        """The figure for people, its unit with it unless the title says it."""
        ...
