"""Rows a second of the work alone: by the rotation's own clock where it has one."""

from benchmark.recipes.recipe import Finished


class RowsPerSecond:
    key = "rows_per_second"
    title = "rows/s"

    def start(self, database_url: str) -> None:
        """Nothing to remember."""

    def read(self, database_url: str, finished: Finished) -> float | None:  # noqa: ARG002
        return finished.rows / finished.seconds

    def shown(self, figure: float) -> str:
        return f"{figure:,.0f}"
