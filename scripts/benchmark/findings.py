"""Everything that a benchmark found out."""

import os
from dataclasses import dataclass
from typing import Any

from benchmark.latency import Latency
from benchmark.speed import Speed


@dataclass(frozen=True, slots=True)
class Findings:
    """A part that was not asked for is None."""

    rows: int
    rounds: int
    server_version: str
    speed: Speed | None
    latency: Latency | None

    @property
    def passed(self) -> bool:
        return all(part.verdict.passed for part in (self.speed, self.latency) if part)

    def as_json(self) -> dict[str, Any]:
        return {
            "cores": os.cpu_count(),
            "postgresql": self.server_version,
            "rows": self.rows,
            "rounds": self.rounds,
            "passed": self.passed,
            "speed": self.speed.as_json() if self.speed else None,
            "latency": self.latency.as_json() if self.latency else None,
        }

    def __str__(self) -> str:
        head = (
            f"{os.cpu_count()} cores, PostgreSQL {self.server_version} with default settings, "
            f"{self.rows:,} rows, rounds: {self.rounds}"
        )
        return "\n\n".join(str(part) for part in (head, self.speed, self.latency) if part)
