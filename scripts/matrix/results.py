"""What the tests said on each version, kept in docs/measurements and shown on a page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from matrix.versions import VERSIONS

MEASUREMENTS = Path(__file__).resolve().parents[2] / "docs" / "measurements"
FILE = MEASUREMENTS / "matrix.json"
PAGE = MEASUREMENTS / "matrix.md"
TEMPLATE = Path(__file__).with_name("page.md")


@dataclass(frozen=True)
class Result:
    """The tests of one version. ``failures`` names those that failed."""

    version: str
    server_version: str
    passed: int
    failed: int
    skipped: int
    failures: Sequence[str]
    seconds: int
    date: str
    commit: str


@dataclass(frozen=True)
class Counts:
    """What one run of pytest reported."""

    passed: int
    failed: int
    skipped: int
    failures: tuple[str, ...]
    seconds: float

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
            self.failures + other.failures,
            self.seconds + other.seconds,
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


def load(file: Path = FILE) -> dict[str, Result]:
    """Return the stored results, by version."""
    if not file.exists():
        return {}
    stored: list[dict[str, object]] = json.loads(file.read_text())
    results = [Result(**each) for each in stored]  # type: ignore[arg-type]
    return {result.version: result for result in results}


def store(fresh: Iterable[Result]) -> None:
    """Put results in the place of older ones of the same versions, and write the page."""
    results = load() | {result.version: result for result in fresh}
    in_order = dict(sorted(results.items(), key=lambda item: int(item[0])))
    text = json.dumps([asdict(result) for result in in_order.values()], indent=1)
    FILE.write_text(f"{text}\n")
    PAGE.write_text(page(in_order))


def page(results: Mapping[str, Result]) -> str:
    """The text of docs/measurements/matrix.md."""
    rows = [_row(results[each]) if each in results else _no_row(each) for each in VERSIONS]
    return TEMPLATE.read_text().format(rows="\n".join(rows))


def _no_row(version: str) -> str:
    return f"| {version} | – | – | – | no full run | – |"


def _row(result: Result) -> str:
    counts = f"{result.passed:,} | {result.failed:,} | {result.skipped:,}"
    return f"| {result.server_version} | {counts} | {result.date} | {result.commit} |"
