"""The score, by module and in all, and what it is written to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from mutation.verdict import Fate, Verdict

DEVIATIONS = 1.96  # 95 % of a normal distribution
NOTICED = (Fate.KILLED, Fate.TIMED_OUT)


def percent(verdicts: Iterable[Verdict]) -> float:
    """Of those that count, how many a test noticed."""
    noticed, counting = _counted(verdicts)
    return 100.0 * noticed / counting if counting else 100.0


def interval(noticed: int, counting: int) -> tuple[float, float]:
    """The percentages between which the score of all mutants lies in 95 of 100 cases, by Wilson."""
    if counting == 0:
        return 0.0, 100.0
    share, square = noticed / counting, DEVIATIONS**2
    middle = share + square / (2 * counting)
    root = math.sqrt(share * (1 - share) / counting + square / (4 * counting**2))
    low, high = (middle + side * DEVIATIONS * root for side in (-1, 1))
    return 100 * low / (1 + square / counting), 100 * high / (1 + square / counting)


def _counted(verdicts: Iterable[Verdict]) -> tuple[int, int]:
    counting = [v for v in verdicts if v.fate in (*NOTICED, Fate.SURVIVED)]
    return sum(v.fate in NOTICED for v in counting), len(counting)


def table(verdicts: Sequence[Verdict]) -> list[tuple[str, int, int, int, str]]:
    """Module, killed, of these by time, survived, score; the last row is the sum."""
    modules = sorted({v.mutant.module for v in verdicts})
    rows = [_row(m.removeprefix("token_rotation/"), _of(verdicts, m)) for m in modules]
    return [*rows, _row("all", verdicts)]


def _of(verdicts: Sequence[Verdict], module: str) -> list[Verdict]:
    return [v for v in verdicts if v.mutant.module == module]


def _row(name: str, verdicts: Sequence[Verdict]) -> tuple[str, int, int, int, str]:
    noticed = sum(v.fate in NOTICED for v in verdicts)
    by_time = sum(v.fate is Fate.TIMED_OUT for v in verdicts)
    survived = sum(v.fate is Fate.SURVIVED for v in verdicts)
    return name, noticed, by_time, survived, f"{percent(verdicts):.1f} %"


def as_text(verdicts: Sequence[Verdict]) -> str:
    """For a terminal."""
    rows = [("module", "killed", "by time", "survived", "score"), *table(verdicts)]
    width = max(len(row[0]) for row in rows)
    return "\n".join(
        f"{name:<{width}}  {killed:>7}  {by_time:>7}  {survived:>8}  {score:>8}"
        for name, killed, by_time, survived, score in rows
    )


def survivors(verdicts: Sequence[Verdict]) -> str:
    """One line each."""
    left = [v for v in verdicts if v.fate is Fate.SURVIVED]
    return "".join(f"{v.mutant.name}  [{v.tests} tests]\n" for v in left)


PAGE = Path(__file__).with_name("page.md")


def _line(row: tuple[str, int, int, int, str]) -> str:
    name, killed, _, left, _ = row
    shown = name if name == "all" else f"`{name}`"
    return f"| {shown} | {killed:,} | {left:,} |"


def page(
    verdicts: Sequence[Verdict], *, commit: str, command: str, total: int, how: str, seconds: float
) -> str:
    """docs/measurements/mutants.md: modules with survivors, and the sum."""
    today = date.today()  # noqa: DTZ011  (the reader's)
    *modules, total_row = table(verdicts)
    rows = "\n".join(map(_line, [*(row for row in modules if row[3]), total_row]))
    low, high = interval(*_counted(verdicts))
    return PAGE.read_text().format(
        score=percent(verdicts),
        low=low,
        high=high,
        command=command,
        day=f"{today.day} {today:%B %Y}",
        commit=commit,
        judged=len(verdicts),
        total=total,
        how=how,
        seconds=seconds,
        broken=sum(v.fate is Fate.BROKEN for v in verdicts),
        equivalent=sum(v.fate is Fate.EQUIVALENT for v in verdicts),
        rows=rows,
    )


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
