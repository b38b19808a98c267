"""The most memory that the client's process had resident."""

from benchmark.recipes.recipe import Finished


class PeakMemory:
    key = "peak_client_memory_bytes"
    title = "peak client memory"

    def start(self, database_url: str) -> None:
        """Nothing to remember."""

    def read(self, database_url: str, finished: Finished) -> float | None:  # noqa: ARG002
        return finished.peak_memory_bytes

    def shown(self, figure: float) -> str:
        return f"{figure / 1e6:.1f} MB"
