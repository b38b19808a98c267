"""A way to rotate every token of a database."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmark.errors import BenchmarkError
from benchmark.processes import child
from benchmark.processes.environment import environment
from benchmark.processes.manage import MANAGE


@dataclass(frozen=True, slots=True)
class Finished:
    """What one run of a recipe says of itself.

    `seconds` is the work alone, which ended at `ended_at` (Unix time); `wall_seconds` is the whole
    process, its start and its end included. `vacuum_seconds` is None for those that
    run no VACUUM.
    """

    rows: int
    seconds: float
    ended_at: float
    wall_seconds: float
    peak_memory_bytes: int
    vacuum_seconds: float | None


@dataclass(frozen=True, slots=True)
class Recipe:
    """A client program; `arguments` follow the Python interpreter, `key` names it in --recipes.

    Its last line on stdout is JSON, as that of `rotate_tokens --progress json`. `rows_at_most` is
    set for slow recipes, which are measured on a smaller table. `resumes`: run again
    after a kill, it need not start over. `preparation`, arguments as well, is run before the work,
    without being measured. `only_speed`: of nothing else is there anything new to learn.
    """

    key: str
    title: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    rows_at_most: int | None = None
    resumes: bool = True
    preparation: tuple[str, ...] = ()
    only_speed: bool = False

    def rows(self, wanted: int) -> int:
        """The rows of the table on which it is measured."""
        return min(wanted, self.rows_at_most or wanted)

    def prepare(self, database_url: str) -> None:
        """Make a new clone ready. Raises BenchmarkError when that fails."""
        if self.preparation:
            command = (sys.executable, *self.preparation)
            child.run(command, env=self._environment(database_url), on_line=lambda _: None)

    def run(self, database_url: str) -> Finished:
        """Do the work once. Raises BenchmarkError when it was not done."""
        end: dict[str, Any] = {}
        ended_at = 0.0

        def read(line: str) -> None:
            nonlocal ended_at
            event = json.loads(line)
            if event["event"] == "end":
                ended_at = time.time()
                end.update(event)

        process = child.run(self._command, env=self._environment(database_url), on_line=read)
        if end.get("outcome") != "complete":
            raise BenchmarkError(f"{self.title} ended without saying that it is complete: {end}")
        return Finished(
            rows=end["rotated_rows"],
            seconds=end["seconds"],
            ended_at=ended_at,
            wall_seconds=process.seconds,
            peak_memory_bytes=process.peak_memory_bytes,
            vacuum_seconds=end.get("vacuum_seconds"),
        )

    def start(self, database_url: str) -> "subprocess.Popen[bytes]":
        """Start it and return at once; what it says is lost. The caller ends it."""
        return subprocess.Popen(
            self._command,
            env=self._environment(database_url),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    @property
    def _command(self) -> tuple[str, ...]:
        return (sys.executable, *self.arguments)

    def _environment(self, database_url: str) -> dict[str, str]:
        return environment(DATABASE_URL=database_url, **self.environment)


def program(module: str, *arguments: str) -> tuple[str, ...]:
    """The arguments that run `rotate` of a module in recipes/ in a process of its own."""
    return ("-m", "benchmark.processes.client", f"benchmark.recipes.{module}", *arguments)


def install_triggers() -> tuple[str, ...]:
    """The arguments that install the triggers of the recipe's settings."""
    return (str(MANAGE), "pgtrigger", "install")


def rotate_tokens(*options: str) -> tuple[str, ...]:
    """The arguments that run the command that operators run."""
    return (str(MANAGE), "rotate_tokens", "--progress", "json", *options)
