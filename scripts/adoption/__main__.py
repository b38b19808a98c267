"""Usage: scripts/adoption-matrix [--only CASE ...]"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

from benchmark.interruption import Interruption
from matrix.programs import cache

from adoption.case import Case, cases
from adoption.databases import Databases, databases
from adoption.environments import (
    FRAMEWORK,
    PROJECT,
    Environment,
    InstallationError,
    build_wheel,
)
from adoption.project import Project, StepError
from adoption.results import Result, store
from adoption.story import Found, Story

AS_EXPECTED = 0
CODES = {"fault": 1, "not installed": 2}


def main() -> int:
    known = cases()
    parser = argparse.ArgumentParser(
        prog="scripts/adoption-matrix",
        description="Adopt the library in a project with each package, as docs/adopt/index.md "
        "says. Let the package issue tokens, leak and rotate them, and use its views before and "
        "after. Write the results to docs/reference/compatibility.json and the page beside it. "
        "Exit codes: 0 all as expected, 1 a fault, 2 a package could not be installed.",
    )
    parser.add_argument(
        "--only", nargs="+", choices=known, default=list(known), metavar="CASE",
        help=f"play these: {' '.join(known)} (default: all)",
    )  # fmt: skip
    given = parser.parse_args()
    Interruption()
    with tempfile.TemporaryDirectory() as directory, databases() as server:
        commit, wheel = _commit(), build_wheel(Path(directory))
        codes = []
        for name in given.only:
            result = _play(known[name], wheel, server, commit)
            store([result], list(known))
            print(f"{name}: {result.outcome} {result.detail} {' '.join(result.checks)}", flush=True)
            codes.append(CODES.get(result.outcome, AS_EXPECTED))
        return max(codes)


def _play(case: Case, wheel: Path, server: Databases, commit: str) -> Result:
    """Play one case with the wheel of this commit."""
    environment = Environment(cache() / "adoption" / case.environment)
    found = Found()
    outcome: str = case.ends
    detail = case.note
    try:
        environment.install(case, wheel)
        found = _told(case, environment, server)
        if found.faults:
            outcome, detail = "fault", "; ".join(found.faults)
    except InstallationError as error:
        outcome, detail = "not installed", f"{error}"
    versions = environment.versions()
    return Result(
        case=case.name,
        package=case.package,
        version=versions.get(case.package, "–"),
        model=case.model,
        column=case.column,
        outcome=outcome,
        detail=" ".join(detail.split()),
        ran=found.ran,
        checks=found.checks,
        django=versions.get(FRAMEWORK, ""),
        postgresql=server.server_version(),
        date=f"{date.today()}",  # noqa: DTZ011  (the reader's)
        commit=commit,
    )


def _told(case: Case, environment: Environment, server: Databases) -> Found:
    with tempfile.TemporaryDirectory() as directory, server.empty() as url:
        try:
            project = Project(Path(directory), environment.python, case, url)
        except StepError as error:
            return Found(faults=[f"{error}"])
        return Story(case, project).tell()


def _commit() -> str:
    command = ("git", "-C", f"{PROJECT}", "rev-parse", "--short=7", "HEAD")
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
