"""What the application's traffic feels of each recipe."""

import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmark.activity import Activity, sampled_activity
from benchmark.announce import announce
from benchmark.databases import Databases
from benchmark.errors import BenchmarkError
from benchmark.part import Part
from benchmark.recipe import Recipe, program
from benchmark.recipes import BASELINE, ONE_WORKER
from benchmark.rounds import rotated
from benchmark.traffic import CLIENTS, RATE_PER_SECOND, SCRIPTS, running_traffic
from benchmark.transactions import Transaction, percentile
from benchmark.verdict import Verdict

RATIO_AT_MOST = 1.5
QUIET_SECONDS_AT_MOST = 20.0


@dataclass(frozen=True, slots=True)
class Felt:
    """The traffic's latencies in one run, from the scheduled start, and what went on meanwhile."""

    transactions: int
    seconds: float
    p50_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    p99_ms_by_kind: dict[str, float | None]
    cpu_busy_percent: float
    average_backends: dict[str, float]


def measure_latency(
    databases: Databases, recipes: Sequence[Recipe], *, rows: int, rounds: int
) -> Part:
    """No rotation, and every recipe, once a round, each on its own clone, in the same traffic."""
    quiet = _quiet(rows)
    situations = (quiet, *recipes)
    runs: dict[str, list[Felt]] = {situation.key: [] for situation in situations}
    for number in range(rounds):
        for situation in rotated(situations, number):
            announce(f"latency, round {number + 1} of {rounds}: {situation.title}")
            felt = _measure(databases, situation, situation.traffic_rows(rows))
            runs[situation.key].append(felt)
    figures = {
        "rate_per_second": RATE_PER_SECOND,
        "clients": CLIENTS,
        "recipes": [_as_json(one, one.traffic_rows(rows), runs[one.key]) for one in situations],
    }
    return Part("latency", figures, _verdicts(runs))


def _verdicts(runs: Mapping[str, Sequence[Felt]]) -> list[Verdict]:
    if ONE_WORKER.key not in runs:
        return []
    p99_ms = {key: statistics.median(felt.p99_ms for felt in some) for key, some in runs.items()}
    ratio = {key: figure / p99_ms["quiet"] for key, figure in p99_ms.items()}
    what = f"traffic's p99 during {ONE_WORKER.title} / quiet"
    beside = f" ({BASELINE.title}: {ratio[BASELINE.key]:,.0f})"
    return [Verdict(what + beside, ratio[ONE_WORKER.key], at_most=RATIO_AT_MOST)]


def _quiet(rows: int) -> Recipe:
    """About as long as a rotation, so that it meets as much of the server's life."""
    seconds = min(QUIET_SECONDS_AT_MOST, max(2.0, rows / 50_000))
    return Recipe("quiet", "quiet", program("quiet", str(seconds)), resumes=False, rotates=False)


def _measure(databases: Databases, situation: Recipe, rows: int) -> Felt:
    with databases.clone(rows) as url, tempfile.TemporaryDirectory() as directory:
        situation.prepare(url)
        with running_traffic(url, rows=rows, directory=Path(directory)) as traffic:
            with sampled_activity(url) as activity:
                finished = situation.run(url)
            since = finished.ended_at - finished.seconds
            transactions = traffic.between(since, finished.ended_at)
        databases.check(url, situation, finished, rows)
    return _felt(transactions, finished.seconds, activity)


def _felt(transactions: Sequence[Transaction], seconds: float, activity: Activity) -> Felt:
    if not transactions:
        raise BenchmarkError("the run was too short to meet any traffic: take more rows")
    ordered = sorted(one.latency_seconds * 1e3 for one in transactions)
    by_kind: dict[str, float | None] = {}
    for number, kind in enumerate(SCRIPTS):
        some = sorted(one.latency_seconds * 1e3 for one in transactions if one.kind == number)
        by_kind[kind] = percentile(some, 99) if some else None
    return Felt(
        transactions=len(ordered),
        seconds=seconds,
        p50_ms=percentile(ordered, 50),
        p99_ms=percentile(ordered, 99),
        p999_ms=percentile(ordered, 99.9),
        max_ms=ordered[-1],
        p99_ms_by_kind=by_kind,
        cpu_busy_percent=activity.cpu_busy_percent,
        average_backends=activity.backends,
    )


def _as_json(situation: Recipe, rows: int, runs: Sequence[Felt]) -> dict[str, Any]:
    plain = [asdict(felt) for felt in runs]
    figures = ("p50_ms", "p99_ms", "p999_ms", "max_ms", "seconds", "transactions")
    return {
        "key": situation.key,
        "title": situation.title,
        "rows": rows,
        "medians": {key: statistics.median(run[key] for run in plain) for key in figures},
        "runs": plain,
    }
