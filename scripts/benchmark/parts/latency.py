"""What the application's traffic feels of each recipe."""

import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmark.announce import announce
from benchmark.errors import BenchmarkError
from benchmark.parts.part import Part
from benchmark.parts.rounds import shifted
from benchmark.parts.verdict import Verdict
from benchmark.processes.databases import Databases
from benchmark.recipes import BASELINE, ONE_WORKER
from benchmark.recipes.recipe import Recipe
from benchmark.traffic.activity import Activity, sampled_activity
from benchmark.traffic.pgbench import CLIENTS, RATE_PER_SECOND, SCRIPTS, running_traffic
from benchmark.traffic.transactions import Transaction, percentile

RATIO_AT_MOST = 1.5
QUIET_SECONDS_AT_MOST, QUICK_QUIET_SECONDS = 10.0, 0.3
WARM_UP_SHARE = 0.5
RUNS_A_ROUND = {ONE_WORKER.key: 2}
"""Of those that are judged: one of them alone says little on a machine whose speed wavers."""


@dataclass(frozen=True, slots=True)
class Felt:
    """The traffic's latencies in one window, from the scheduled start, and what went on in it."""

    transactions: int
    seconds: float
    p50_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    p99_ms_by_kind: dict[str, float | None]
    cpu_busy_percent: float
    average_backends: dict[str, float]


@dataclass(frozen=True, slots=True)
class Compared:
    """What the same traffic on the same table felt just before the recipe, and during it.

    ``vacuum_share`` is the share of that time in which a VACUUM of the recipe's ran.
    """

    quiet: Felt
    during: Felt
    vacuum_share: float | None

    @property
    def p99_ratio(self) -> float:
        return self.during.p99_ms / self.quiet.p99_ms


def measure_latency(
    databases: Databases, recipes: Sequence[Recipe], *, rows: int, rounds: int, quick: bool
) -> Part:
    """Every recipe in each round, on its own clone, after a quiet time in the same traffic.

    A machine is not as fast now as it was some minutes ago: only neighbours are compared.
    With ``quick`` the quiet time is short, and each recipe runs once a round.
    """
    quiet_seconds = min(QUIET_SECONDS_AT_MOST, max(1.0, rows / 100_000))
    if quick:
        quiet_seconds = QUICK_QUIET_SECONDS
    met = [recipe for recipe in recipes if not recipe.only_speed]
    runs: dict[str, list[Compared]] = {recipe.key: [] for recipe in met}
    for number in range(rounds):
        for recipe in shifted(met, number):
            announce(f"latency, round {number + 1} of {rounds}: {recipe.title}")
            for _ in range(1 if quick else RUNS_A_ROUND.get(recipe.key, 1)):
                compared = _measure(databases, recipe, rows, quiet_seconds)
                runs[recipe.key].append(compared)
    figures = {
        "rate_per_second": RATE_PER_SECOND,
        "clients": CLIENTS,
        "quiet_seconds": quiet_seconds,
        "recipes": [_as_json(one, rows, runs[one.key]) for one in met],
    }
    return Part("latency", figures, _verdicts(runs))


def _verdicts(runs: Mapping[str, Sequence[Compared]]) -> list[Verdict]:
    if ONE_WORKER.key not in runs:
        return []
    ratio = {key: _p99_ratio(some) for key, some in runs.items()}
    what = f"traffic's p99 during {ONE_WORKER.title} / quiet"
    beside = f" ({BASELINE.title}: {ratio[BASELINE.key]:,.0f})"
    return [Verdict(what + beside, ratio[ONE_WORKER.key], at_most=RATIO_AT_MOST)]


def _p99_ratio(runs: Sequence[Compared]) -> float:
    return statistics.median(run.p99_ratio for run in runs)


def _measure(databases: Databases, recipe: Recipe, rows: int, quiet_seconds: float) -> Compared:
    table_rows, pending_rows = recipe.rows(rows), recipe.traffic_pending(rows)
    with (
        databases.clone(table_rows, pending_rows=pending_rows) as url,
        tempfile.TemporaryDirectory() as directory,
    ):
        recipe.prepare(url)
        with running_traffic(
            url,
            rows=table_rows,
            warm_up_seconds=quiet_seconds * WARM_UP_SHARE,
            directory=Path(directory),
        ) as traffic:
            quiet_since = time.time()
            with sampled_activity(url) as quiet_activity:
                time.sleep(quiet_seconds)
            with sampled_activity(url) as activity:
                finished = recipe.run(url)
            traffic.end_after(finished.ended_at)
        databases.check(url, recipe, finished, pending_rows)
        since = finished.ended_at - finished.seconds
        quiet = traffic.between(quiet_since, quiet_since + quiet_seconds)
        during = traffic.between(since, finished.ended_at)
        vacuum_seconds = finished.vacuum_seconds
    return Compared(
        quiet=_felt(quiet, quiet_seconds, quiet_activity),
        during=_felt(during, finished.seconds, activity),
        vacuum_share=None if vacuum_seconds is None else vacuum_seconds / finished.seconds,
    )


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


def _as_json(recipe: Recipe, rows: int, runs: Sequence[Compared]) -> dict[str, Any]:
    return {
        "key": recipe.key,
        "title": recipe.title,
        "rows": recipe.rows(rows),
        "pending_rows": recipe.traffic_pending(rows),
        "p99_ratio": _p99_ratio(runs),
        "medians": _medians([run.during for run in runs]),
        "quiet_medians": _medians([run.quiet for run in runs]),
        "runs": [{**asdict(run), "p99_ratio": run.p99_ratio} for run in runs],
    }


def _medians(windows: Sequence[Felt]) -> dict[str, float]:
    latencies = ("p50_ms", "p99_ms", "p999_ms", "max_ms")
    figures = (*latencies, "seconds", "transactions", "cpu_busy_percent")
    plain = [asdict(felt) for felt in windows]
    return {key: statistics.median(felt[key] for felt in plain) for key in figures}
