"""A job of save() beside traffic: within its budget, with no regard, and as a loop."""

from collections.abc import Sequence
from typing import Any

from benchmark.announce import announce
from benchmark.parts.beside_traffic.run import (
    BUDGET_MS,
    Run,
    added_ms,
    judged_percent,
    measure_run,
    median_rate,
)
from benchmark.parts.part import Part
from benchmark.parts.rounds import shifted
from benchmark.parts.verdict import Verdict
from benchmark.processes.databases import Databases
from benchmark.recipes import JOBS

RATE_PER_SECOND, QUICK_RATE_PER_SECOND = 300, 1_000
QUICK_ROWS_AT_MOST = 1_000
PERCENT = judged_percent(RATE_PER_SECOND)


def measure_jobs(databases: Databases, *, rows: int, rounds: int, quick: bool) -> Part:
    """Each in turn, beside the same traffic."""
    rate = RATE_PER_SECOND
    if quick:
        rate, rows = QUICK_RATE_PER_SECOND, min(rows, QUICK_ROWS_AT_MOST)
    runs: dict[str, list[Run]] = {each.key: [] for each in JOBS}
    for number in range(rounds):
        for recipe in shifted(JOBS, number):
            announce(f"jobs, run {number + 1} of {rounds}: {recipe.title}")
            run = measure_run(databases, recipe, rate, recipe.rows(rows), quick=quick)
            runs[recipe.key].append(run)
    figures = {
        "transactions_per_second": rate,
        "judged_percent": PERCENT,
        "recipes": [
            {"key": each.key, "title": each.title, **_as_json(runs[each.key])} for each in JOBS
        ],
    }
    added, _ = added_ms(RATE_PER_SECOND, runs[JOBS[0].key])
    return Part("jobs", figures, [Verdict(f"ms added to p{PERCENT}", added, at_most=BUDGET_MS)])


def _as_json(some: Sequence[Run]) -> dict[str, Any]:
    added, between = added_ms(RATE_PER_SECOND, some)
    return {
        "rows_per_second": median_rate(some),
        "added_ms": added,
        "added_ms_between": list(between),
    }
