"""Seconds from the start of the client to its end."""

from benchmark.recipes.recipe import Finished


class WallSeconds:
    key = "wall_seconds"
    title = "whole process"

    def start(self, database_url: str) -> None:
        """Nothing to remember."""

    def read(self, database_url: str, finished: Finished) -> float | None:  # noqa: ARG002
        return finished.wall_seconds

    def shown(self, figure: float) -> str:
        return f"{figure:.2f} s"
