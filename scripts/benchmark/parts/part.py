"""One part of a benchmark, and what it was measured on."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from benchmark.parts.verdict import Verdict

TUNED = "-tuned"


@dataclass(frozen=True, slots=True)
class Part:
    """`figures` are plain values for JSON; a figure that does not exist is None there."""

    name: str
    figures: dict[str, Any]
    verdicts: Sequence[Verdict] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """What every figure of a part depends on.

    `settings` are those of the server that were set; `in_service`: it had recycled WAL segments.
    """

    command: str
    server_version: str
    settings: Mapping[str, str]
    in_service: bool
    rows: int | list[int]
    rounds: int
    run_started_at: str

    def write(self, part: Part, directory: Path) -> None:
        """Write the part as `<name>.json`; `<name>-tuned.json` from a server with settings."""
        document = {
            "part": part.name,
            "command": self.command,
            "run_started_at": self.run_started_at,
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "cores": os.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / 1e9),
            "postgresql": self.server_version,
            "settings": dict(self.settings),
            "in_service": self.in_service,
            "rows": self.rows,
            "rounds": self.rounds,
            "verdicts": [verdict.as_json() for verdict in part.verdicts],
            **part.figures,
        }
        text = json.dumps(document, indent=1) + "\n"
        (directory / f"{part.name}{TUNED if self.settings else ''}.json").write_text(text)
