"""How many times as large as before the table or its indexes are."""

from benchmark.processes.connection import one_value
from benchmark.recipes.recipe import Finished


class Growth:
    def __init__(self, what: str, size_function: str) -> None:
        self.key = f"{what}_growth"
        self.title = f"{what} growth"
        self._query = f"SELECT {size_function}('tickets_ticket')"
        self._before_bytes = 0

    def start(self, database_url: str) -> None:
        self._before_bytes = one_value(database_url, self._query)

    def read(self, database_url: str, finished: Finished) -> float | None:  # noqa: ARG002
        after_bytes: int = one_value(database_url, self._query)
        return after_bytes / self._before_bytes

    def shown(self, figure: float) -> str:
        return f"{figure:.2f}x"
