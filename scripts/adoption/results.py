"""What came out for each case, kept in docs/reference and shown on a page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"
FILE = REFERENCE / "compatibility.json"
PAGE = REFERENCE / "compatibility.md"
TEMPLATE = Path(__file__).with_name("page.md")


@dataclass(frozen=True)
class Result:
    """One row. ``outcome`` is how it ended, or "fault" or "not installed"; ``detail`` says why."""

    case: str
    package: str
    version: str
    model: str
    column: str
    outcome: str
    detail: str
    ran: Sequence[str]
    checks: Sequence[str]
    django: str
    postgresql: str
    date: str
    commit: str


def load(file: Path = FILE) -> dict[str, Result]:
    """Return the stored results, by case."""
    if not file.exists():
        return {}
    return {each["case"]: Result(**each) for each in json.loads(file.read_text())}


def store(fresh: Iterable[Result], known: Sequence[str]) -> None:
    """Put results in the place of older ones, forget unknown cases, and write the page."""
    results = load() | {result.case: result for result in fresh}
    kept = {name: results[name] for name in sorted(results) if name in known}
    text = json.dumps([asdict(result) for result in kept.values()], indent=1)
    FILE.write_text(f"{text}\n")
    PAGE.write_text(page(kept))


def page(results: Mapping[str, Result]) -> str:
    """The text of docs/reference/compatibility.md."""
    rows = sorted(results.values(), key=lambda each: (each.package, each.model, each.column))
    return TEMPLATE.read_text().format(
        django=_all(each.django for each in rows),
        postgresql=_all(each.postgresql for each in rows),
        dates=_all(each.date for each in rows),
        commits=_all(each.commit for each in rows),
        rows="\n".join(map(_row, rows)),
    )


def _all(versions: Iterable[str]) -> str:
    return ", ".join(sorted(set(versions) - {""}))


def _row(result: Result) -> str:
    """One line of the table; dates and commits stand above it, methods of requests nowhere."""
    token = f"{result.model}.{result.column}"
    ran = ", ".join(f"`{each.rpartition(' ')[2]}`" for each in result.ran) or "–"
    checks = ", ".join(f"`{each}`" for each in result.checks)
    outcome = "; ".join(filter(None, [result.outcome, checks, result.detail]))
    cells = (
        f"{result.package} {result.version}",
        f"`{token}`" if " " not in token else f"`{result.column}` of {result.model}",
        ran,
        outcome,
    )
    return f"| {' | '.join(cells)} |"
