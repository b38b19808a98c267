"""Runs the tests of a cell."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from matrix.cells import LOCKED, Cell
from matrix.environments import PROJECT, python_of
from matrix.programs import programs_of
from matrix.results import NOTHING, Counts, Result, read_report

# What a server decides: marked tests stand elsewhere, too.
OF_THE_LOCKED_PAIR = (
    ["tests/integration"],
    ["-m", "server_versions", "--ignore=tests/integration"],
)
# What a Django or a Python decides; the quickest first.
OF_OTHER_PAIRS = (
    ["tests/unit", "tests/acceptance/adopting", "tests/acceptance/workers/test_django_tasks.py"],
    ["tests/integration"],
)
ALL_PASSED, SOME_FAILED, NO_TESTS = 0, 1, 5


class BrokeOffError(Exception):
    """Pytest did not come to the end of the tests."""


@dataclass(frozen=True)
class Tested:
    """What the tests of a cell run on. ``programs`` is None for the embedded server's."""

    cell: Cell
    python: Path
    programs: Path | None

    def result(self, processes: int) -> Result:
        """Run the tests. Raises BrokeOffError."""
        commit = _said("git", "-C", f"{PROJECT}", "rev-parse", "--short=7", "HEAD")
        counts = NOTHING
        for part in parts(self.cell):
            counts += self._run(part, processes)
        return Result(
            postgresql=self.cell.postgresql,
            django=self.cell.pair.django,
            python=self.cell.pair.python,
            psycopg=self.cell.pair.psycopg,
            installed=self._installed(),
            passed=counts.passed,
            failed=counts.failed,
            skipped=counts.skipped,
            failures=counts.failures,
            passed_alone=counts.passed_alone,
            seconds=round(counts.seconds),
            date=f"{date.today()}",  # noqa: DTZ011  (the reader's)
            commit=commit,
        )

    def _run(self, part: Sequence[str], processes: int) -> Counts:
        """Run the tests beside each other, and those that failed once more, one by one.

        On a busy machine a test may miss its time.
        """
        with tempfile.TemporaryDirectory() as directory:
            kept = ("-o", f"cache_dir={directory}/cache")  # names of tests that failed
            beside = self._pytest([*kept, f"--numprocesses={processes}", "--dist=loadfile", *part])
            if not beside.failures:
                return beside
            alone = self._pytest([*kept, "--numprocesses=0", "--last-failed", *part])
            return beside.repaired(alone)

    def _pytest(self, options: Sequence[str]) -> Counts:
        server = [] if self.programs is None else [f"--server-programs={self.programs}"]
        with tempfile.TemporaryDirectory() as directory:
            report = Path(directory) / "report.xml"
            command = [f"{self.python}", "-m", "pytest", "-q", f"--junitxml={report}"]
            path = os.pathsep.join([f"{self.python.parent}", os.environ["PATH"]])
            code = subprocess.run(
                [*command, *options, *server],
                cwd=PROJECT,
                env={**os.environ, "PATH": path},
                check=False,
            ).returncode
            if code == NO_TESTS:
                return NOTHING
            if code not in (ALL_PASSED, SOME_FAILED):
                raise BrokeOffError("pytest broke off")
            return read_report(report)

    def _installed(self) -> dict[str, str]:
        """Return the releases, such as 14.23 of PostgreSQL."""
        driver = "psycopg" if self.cell.pair.psycopg == "3" else "psycopg2"
        ask = (
            f"import platform, django, {driver}; "
            f"print(platform.python_version(), django.__version__, {driver}.__version__)"
        )
        python, django, psycopg = _said(f"{self.python}", "-c", ask).split()[:3]
        return {
            "postgresql": _release(self.programs),
            "django": django,
            "python": python,
            "psycopg": psycopg,
        }


def prepare(cell: Cell) -> Tested:
    """Install what a cell needs. Raises ProgramsError and InstallError."""
    return Tested(cell, python_of(cell.pair), programs_of(cell.postgresql))


def parts(cell: Cell) -> tuple[list[str], ...]:
    """Return the arguments of pytest, one run each."""
    return OF_THE_LOCKED_PAIR if cell.pair == LOCKED else OF_OTHER_PAIRS


def _release(programs: Path | None) -> str:
    if programs is None:
        from benchmark.processes.programs import program_directory  # noqa: PLC0415

        programs = program_directory()
    said = _said(f"{programs / 'postgres'}", "--version")
    return said.removeprefix("postgres (PostgreSQL) ").split()[0]


def _said(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
