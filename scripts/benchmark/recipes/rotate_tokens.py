"""The command that operators run."""

import json
import time
from typing import Any

from benchmark.errors import BenchmarkError
from benchmark.manage import manage
from benchmark.recipe import Finished


class RotateTokens:
    """`manage.py rotate_tokens` with these options, as a process of its own."""

    rotates = True

    def __init__(self, *options: str) -> None:
        self.name = " ".join(("rotate_tokens", *options))
        self._options = options

    def run(self, database_url: str) -> Finished:
        end: dict[str, Any] = {}
        ended_at = 0.0

        def read(line: str) -> None:
            nonlocal ended_at
            event = json.loads(line)
            if event["event"] == "end":
                ended_at = time.time()
                end.update(event)

        arguments = ("rotate_tokens", "--progress", "json", *self._options)
        process = manage(*arguments, database_url=database_url, on_line=read)
        if end.get("outcome") != "complete":
            raise BenchmarkError(f"{self.name} ended without saying that it is complete: {end}")
        return Finished(
            rows=end["rotated_rows"],
            seconds=end["seconds"],
            ended_at=ended_at,
            wall_seconds=process.seconds,
            peak_memory_bytes=process.peak_memory_bytes,
        )
