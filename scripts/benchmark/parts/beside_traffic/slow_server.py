"""A budget of 2 ms on a server that has too little processor: it is kept, and not by standing."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmark.announce import announce
from benchmark.parts.beside_traffic.run import (
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
from benchmark.processes.processor_quota import processor_quota
from benchmark.recipes import BUDGET_OF_2_MS, GENTLEST, KEY_RANGES

RATE_PER_SECOND, QUICK_RATE_PER_SECOND = 50, 1_000
PROCESSORS = 0.6
PERCENT = judged_percent(RATE_PER_SECOND)
BUDGET_MS = 2.0
LEAST_ADDED_WITHOUT_REGARD_MS = 20.0
COMPARED = (BUDGET_OF_2_MS, GENTLEST, KEY_RANGES)


def measure_slow_server(databases: Databases, *, rows: int, rounds: int, quick: bool) -> Part:
    """The budget, the gentlest pace and no regard at all, in turn, beside the same traffic."""
    rate = QUICK_RATE_PER_SECOND if quick else RATE_PER_SECOND
    runs: dict[str, list[Run]] = {each.key: [] for each in COMPARED}
    for each in COMPARED:
        databases.prepare(each.rows(rows))
    with processor_quota(databases.server_pid(), PROCESSORS):
        for number in range(rounds):
            for recipe in shifted(COMPARED, number):
                announce(f"slow server, run {number + 1} of {rounds}: {recipe.title}")
                run = measure_run(databases, recipe, rate, recipe.rows(rows), quick=quick)
                runs[recipe.key].append(run)
    rates = {key: median_rate(some) for key, some in runs.items()}
    figures = {
        "transactions_per_second": rate,
        "processors": PROCESSORS,
        "judged_percent": PERCENT,
        "budget_ms": BUDGET_MS,
        "recipes": [
            {"key": each.key, "title": each.title, **_as_json(runs[each.key])} for each in COMPARED
        ],
    }
    return Part("slow", figures, _verdicts(runs, rates))


def _verdicts(runs: Mapping[str, Sequence[Run]], rates: Mapping[str, float]) -> list[Verdict]:
    added, _ = added_ms(RATE_PER_SECOND, runs[BUDGET_OF_2_MS.key])
    without_regard, _ = added_ms(RATE_PER_SECOND, runs[KEY_RANGES.key])
    rate = rates[BUDGET_OF_2_MS.key]
    return [
        Verdict(
            f"ms added to p{PERCENT} without regard",
            without_regard,
            at_least=LEAST_ADDED_WITHOUT_REGARD_MS,
        ),
        Verdict(f"ms added to p{PERCENT} with a budget of 2", added, at_most=BUDGET_MS),
        Verdict("rate to the gentlest", rate / rates[GENTLEST.key], at_least=1.0),
        Verdict("rate to no regard", rate / rates[KEY_RANGES.key], at_most=1.0),
    ]


def _as_json(some: Sequence[Run]) -> dict[str, Any]:
    added, (least, most) = added_ms(RATE_PER_SECOND, some)
    return {
        "rows_per_second": median_rate(some),
        "transactions": [
            sum(len(each.quiet_ms) for each in some),
            sum(len(each.beside_ms) for each in some),
        ],
        "added_ms": added,
        "added_ms_between": [least, most],
    }
