"""A way to rotate every token of a database."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Finished:
    """What one run of a recipe says of itself.

    `seconds` is the work alone, which ended at `ended_at` (Unix time); `wall_seconds` includes the
    start and end of a process. `peak_memory_bytes` is None where the client has no own process.
    """

    rows: int
    seconds: float
    ended_at: float
    wall_seconds: float
    peak_memory_bytes: int | None = None


class Recipe(Protocol):
    """`rotates` says whether nothing may be pending afterwards."""

    @property
    def name(self) -> str: ...

    @property
    def rotates(self) -> bool: ...

    def run(self, database_url: str) -> Finished:
        """Do the work once. Raises BenchmarkError when it was not done."""
        ...
