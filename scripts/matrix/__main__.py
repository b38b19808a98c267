"""Usage: scripts/test-matrix [--versions V ...]"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from matrix.programs import ProgramsError, installed, programs_of
from matrix.results import NOTHING, Counts, Result, read_report, store
from matrix.versions import ARCHIVES, VERSIONS

PROJECT = Path(__file__).resolve().parents[2]
# Marked tests stand elsewhere, too.
PARTS = (
    ["tests/integration"],
    ["-m", "server_versions", "--ignore=tests/integration"],
)
ALL_PASSED, SOME_FAILED, NO_TESTS = 0, 1, 5


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/test-matrix",
        description="Run the integration tests, and all that are marked as version-dependent, on "
        "each supported version of PostgreSQL, one after another. Write the results to "
        "docs/measurements/matrix.json and the page beside it. "
        "Exit codes: 0 all passed, 1 a test failed, 2 a version could not be tested.",
    )
    parser.add_argument(
        "--versions", nargs="+", choices=VERSIONS, default=VERSIONS, metavar="V",
        help=f"test these (default: {' '.join(VERSIONS)})",
    )  # fmt: skip
    parser.add_argument(
        "--processes", type=int, default=2, metavar="N", help="tests at a time (default: 2)"
    )
    parser.add_argument(
        "--list-installed", action="store_true",
        help="only print the directories of the programs that are installed, oldest version first",
    )  # fmt: skip
    given = parser.parse_args()
    if given.list_installed:
        return _list_installed()
    return max([_test(version, given.processes) for version in given.versions])


def _list_installed() -> int:
    """Print the directories; say on stderr which versions there are none of."""
    places = installed()
    for _, place in sorted(places.items()):
        print(place)
    missing = [version for version in ARCHIVES if version not in places]
    if missing:
        versions = ", ".join(missing)
        print(f"scripts/test-matrix: not installed, so not tested: {versions}", file=sys.stderr)
    return 0


def _test(version: str, processes: int) -> int:
    """Test one version, store the result, and return the script's exit code for it."""
    try:
        programs = programs_of(version)
    except ProgramsError as error:
        print(f"scripts/test-matrix: PostgreSQL {version} was not tested: {error}", flush=True)
        return 2
    print(f"== PostgreSQL {version}, {programs or 'embedded'}", flush=True)
    options = [] if programs is None else [f"--server-programs={programs}"]
    counts = NOTHING
    for part in PARTS:
        found = _run([*part, *options], processes)
        if found is None:
            print(f"scripts/test-matrix: pytest broke off on PostgreSQL {version}", flush=True)
            return 2
        counts += found
    result = Result(
        version=version,
        server_version=_server_version(programs),
        passed=counts.passed,
        failed=counts.failed,
        skipped=counts.skipped,
        failures=counts.failures,
        seconds=round(counts.seconds),
        date=f"{date.today()}",  # noqa: DTZ011  (the reader's)
        commit=_commit(),
    )
    store([result])
    print(f"PostgreSQL {result.server_version}: {counts.passed:,} passed, {counts.failed} failed")
    return SOME_FAILED if counts.failed else ALL_PASSED


def _run(arguments: Sequence[str], processes: int) -> Counts | None:
    """Run pytest; None where it did not come to the end of the tests."""
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report.xml"
        command = [
            *(sys.executable, "-m", "pytest", "-q", f"--junitxml={report}"),
            *(f"--numprocesses={processes}", "--dist=loadfile", *arguments),
        ]
        code = subprocess.run(command, cwd=PROJECT, check=False).returncode
        if code == NO_TESTS:
            return NOTHING
        return read_report(report) if code in (ALL_PASSED, SOME_FAILED) else None


def _server_version(programs: Path | None) -> str:
    """Such as 14.23."""
    if programs is None:
        from benchmark.processes.programs import program_directory  # noqa: PLC0415

        programs = program_directory()
    said = _said(f"{programs / 'postgres'}", "--version")
    return said.removeprefix("postgres (PostgreSQL) ").split()[0]


def _commit() -> str:
    return _said("git", "-C", f"{PROJECT}", "rev-parse", "--short=7", "HEAD")


def _said(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
