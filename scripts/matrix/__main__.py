"""Usage: scripts/test-matrix [--versions V ...] [--django V ...] [--python V ...] [--psycopg V]"""

from __future__ import annotations

import argparse
import sys

from matrix.cells import DJANGOS, PSYCOPGS, PYTHONS, Cell, chosen
from matrix.environments import InstallError
from matrix.programs import ProgramsError, installed
from matrix.results import store
from matrix.testing import ALL_PASSED, SOME_FAILED, BrokeOffError, prepare
from matrix.versions import ARCHIVES, EMBEDDED, VERSIONS

NOT_TESTED = 2


def main() -> int:
    parser = _parser()
    given = parser.parse_args()
    if given.list_installed:
        return _list_installed()
    cells = chosen(given.versions, given.django, given.python, given.psycopg)
    if not cells:
        parser.error("no Django of these is tested on a Python and a psycopg of these")
    return max([_test(cell, given.processes) for cell in cells])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/test-matrix",
        description="Run the tests that a version may decide, one combination of versions after "
        "another: each PostgreSQL with the locked Django, each other Django, Python and psycopg "
        f"with PostgreSQL {EMBEDDED}. Write the results to docs/measurements/matrix.json and the "
        "page beside it. Exit codes: 0 all passed, 1 a test failed, 2 a combination was not "
        "tested.",
    )
    for option, choices, what in (
        ("--versions", VERSIONS, "PostgreSQL"),
        ("--django", DJANGOS, "Django"),
        ("--python", PYTHONS, "Python"),
        ("--psycopg", PSYCOPGS, "psycopg"),
    ):
        parser.add_argument(
            option, nargs="+", choices=choices, default=(), metavar="V",
            help=f"test with these versions of {what} ({', '.join(choices)})",
        )  # fmt: skip
    parser.add_argument(
        "--processes", type=int, default=2, metavar="N", help="tests at a time (default: 2)"
    )
    parser.add_argument(
        "--list-installed", action="store_true",
        help="only print the directories of the servers that are installed, oldest version first",
    )  # fmt: skip
    return parser


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


def _test(cell: Cell, processes: int) -> int:
    """Test one cell, store the result, and return the script's exit code for it."""
    print(f"== {cell}", flush=True)
    try:
        result = prepare(cell).result(processes)
    except (ProgramsError, InstallError, BrokeOffError) as error:
        print(f"scripts/test-matrix: {cell} was not tested: {error}", flush=True)
        return NOT_TESTED
    store([result])
    print(f"{cell}: {result.passed:,} passed, {result.failed} failed", flush=True)
    return SOME_FAILED if result.failed else ALL_PASSED


if __name__ == "__main__":
    sys.exit(main())
