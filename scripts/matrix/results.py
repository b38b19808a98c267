"""What the tests said in each cell, kept in docs/measurements and shown on a page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from matrix.cells import CELLS, LOCKED, PAIRS, Cell, Pair
from matrix.versions import VERSIONS

MEASUREMENTS = Path(__file__).resolve().parents[2] / "docs" / "measurements"
FILE = MEASUREMENTS / "matrix.json"
PAGE = MEASUREMENTS / "matrix.md"
TEMPLATE = Path(__file__).with_name("page.md")


@dataclass(frozen=True)
class Result:
    """The tests of one cell.

    ``failures`` names those that failed, ``passed_alone`` those that did so only beside others,
    ``installed`` the releases.
    """

    postgresql: str
    django: str
    python: str
    installed: Mapping[str, str]
    passed: int
    failed: int
    skipped: int
    failures: Sequence[str]
    passed_alone: Sequence[str]
    seconds: int
    date: str
    commit: str
    psycopg: str = "2"

    @property
    def cell(self) -> Cell:
        return Cell(self.postgresql, Pair(self.django, self.python, self.psycopg))


@dataclass(frozen=True)
class Counts:
    """What one run of pytest reported."""

    passed: int
    failed: int
    skipped: int
    failures: tuple[str, ...]
    seconds: float
    passed_alone: tuple[str, ...] = ()

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
            self.failures + other.failures,
            self.seconds + other.seconds,
            self.passed_alone + other.passed_alone,
        )

    def repaired(self, again: Counts) -> Counts:
        """Return these, with the failed tests as they ended when they ran again."""
        alone = tuple(each for each in self.failures if each not in again.failures)
        return Counts(
            self.passed + len(alone),
            self.failed - len(alone),
            self.skipped,
            again.failures,
            self.seconds + again.seconds,
            alone,
        )


NOTHING = Counts(0, 0, 0, (), 0.0)


def read_report(report: Path) -> Counts:
    """Read the XML that pytest wrote. A test that could not be set up has failed."""
    suite = ET.parse(report).getroot().find("testsuite")
    if suite is None:
        return NOTHING
    cases = suite.findall("testcase")
    failed = [case for case in cases if case.find("failure") is not None or _broke(case)]
    skipped = sum(case.find("skipped") is not None for case in cases)
    return Counts(
        passed=len(cases) - len(failed) - skipped,
        failed=len(failed),
        skipped=skipped,
        failures=tuple(f"{case.get('classname')}::{case.get('name')}" for case in failed),
        seconds=float(suite.get("time") or 0),
    )


def _broke(case: ET.Element) -> bool:
    return case.find("error") is not None


def load(file: Path = FILE) -> dict[Cell, Result]:
    """Return the stored results, by cell."""
    if not file.exists():
        return {}
    stored: list[dict[str, Any]] = json.loads(file.read_text())
    return {result.cell: result for result in (Result(**each) for each in stored)}


def store(fresh: Iterable[Result]) -> None:
    """Put results in the place of older ones of the same cells, and write the page."""
    results = load() | {result.cell: result for result in fresh}
    in_order = {cell: results[cell] for cell in sorted(results, key=_place)}
    text = json.dumps([asdict(result) for result in in_order.values()], indent=1)
    FILE.write_text(f"{text}\n")
    PAGE.write_text(page(in_order))


def _place(cell: Cell) -> tuple[bool, int, int]:
    """Each PostgreSQL with the locked pair first."""
    return cell.pair != LOCKED, PAIRS.index(cell.pair), VERSIONS.index(cell.postgresql)


def page(results: Mapping[Cell, Result]) -> str:
    """The text of docs/measurements/matrix.md."""
    cells = sorted({*CELLS, *results}, key=_place)
    rows = [_row(results[cell]) if cell in results else _no_row(cell) for cell in cells]
    return TEMPLATE.read_text().format(rows="\n".join(rows))


def _no_row(cell: Cell) -> str:
    pair = cell.pair
    versions = f"{cell.postgresql} | {pair.django} | {pair.python} | {pair.psycopg}"
    return f"| {versions} | – | – | – | no full run | – |"


def _row(result: Result) -> str:
    releases = {"psycopg": result.psycopg, **result.installed}
    versions = " | ".join(releases[name] for name in ("postgresql", "django", "python", "psycopg"))
    alone = f" ({len(result.passed_alone)} alone)" if result.passed_alone else ""
    counts = f"{result.passed:,}{alone} | {result.failed:,} | {result.skipped:,}"
    return f"| {versions} | {counts} | {result.date} | {result.commit} |"
