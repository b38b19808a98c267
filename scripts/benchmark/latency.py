"""What the application's traffic feels of a rotation."""

import statistics
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

from benchmark.activity import Activity, sampled_activity
from benchmark.announce import announce
from benchmark.databases import Databases
from benchmark.errors import BenchmarkError
from benchmark.recipe import Recipe
from benchmark.recipes import BASELINE, DEFAULT_ROTATION
from benchmark.recipes.quiet import Quiet
from benchmark.rounds import rotated
from benchmark.table import table
from benchmark.traffic import CLIENTS, RATE_PER_SECOND, SCRIPTS, running_traffic
from benchmark.transactions import Transaction, percentile
from benchmark.verdict import Verdict

RATIO_AT_MOST = 1.5
ENOUGH_TRANSACTIONS = 1_000
ACTIVITIES_SHOWN = 5


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


class Latency:
    """Every situation once a round, each on its own clone, under the same traffic."""

    def __init__(self, databases: Databases, *, rounds: int) -> None:
        self._databases = databases
        # About as long as a rotation, so that the quiet time meets as much of the server's life.
        self._quiet = Quiet(seconds=min(20.0, max(2.0, databases.rows / 70_000)))
        situations: tuple[Recipe, ...] = (self._quiet, DEFAULT_ROTATION, BASELINE)
        self.runs: dict[str, list[Felt]] = {situation.name: [] for situation in situations}
        for number in range(rounds):
            for situation in rotated(situations, number):
                announce(f"latency, round {number + 1} of {rounds}: {situation.name}")
                self.runs[situation.name].append(self._measure(situation))

    def _measure(self, situation: Recipe) -> Felt:
        with self._databases.clone() as url, tempfile.TemporaryDirectory() as directory:
            path = Path(directory)
            with running_traffic(url, rows=self._databases.rows, directory=path) as traffic:
                with sampled_activity(url) as activity:
                    finished = situation.run(url)
                since = finished.ended_at - finished.seconds
                transactions = traffic.between(since, finished.ended_at)
            self._databases.check(url, situation, finished)
        return _felt(transactions, finished.seconds, activity)

    def median_p99_ms(self, name: str) -> float:
        return statistics.median(felt.p99_ms for felt in self.runs[name])

    @property
    def verdict(self) -> Verdict:
        quiet_ms = self.median_p99_ms(self._quiet.name)
        ratio = self.median_p99_ms(DEFAULT_ROTATION.name) / quiet_ms
        return Verdict("p99 during rotation / quiet p99", ratio, at_most=RATIO_AT_MOST)

    def as_json(self) -> dict[str, Any]:
        return {
            "rate_per_second": RATE_PER_SECOND,
            "clients": CLIENTS,
            "situations": [
                {
                    "name": name,
                    "median_p99_ms": self.median_p99_ms(name),
                    "runs": [asdict(felt) for felt in runs],
                }
                for name, runs in self.runs.items()
            ],
            "verdict": self.verdict.as_json(),
        }

    def __str__(self) -> str:
        heads = (
            *("traffic during (medians)", "p50 ms", "p99 ms", "p99.9 ms", "max ms"),
            *("transactions", "cores busy"),
        )
        rows = [_row(name, runs) for name, runs in self.runs.items()]
        meanwhile = [_meanwhile(name, runs) for name, runs in self.runs.items()]
        return "\n".join((table(heads, rows), *meanwhile, *self._doubts(), str(self.verdict)))

    def _doubts(self) -> list[str]:
        fewest = min(felt.transactions for runs in self.runs.values() for felt in runs)
        if fewest >= ENOUGH_TRANSACTIONS:
            return []
        doubt = (
            f"Only {fewest:,} transactions in the shortest run: such a p99 says little; a run needs"
            f" {ENOUGH_TRANSACTIONS:,}, so take more rows."
        )
        return [doubt]


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


def _row(name: str, runs: Sequence[Felt]) -> tuple[str, ...]:
    columns = (
        [felt.p50_ms for felt in runs],
        [felt.p99_ms for felt in runs],
        [felt.p999_ms for felt in runs],
        [felt.max_ms for felt in runs],
    )
    milliseconds = (f"{statistics.median(column):,.2f}" for column in columns)
    transactions = sum(felt.transactions for felt in runs)
    busy = statistics.median(felt.cpu_busy_percent for felt in runs)
    return (name, *milliseconds, f"{transactions:,}", f"{busy:.0f} %")


def _meanwhile(name: str, runs: Sequence[Felt]) -> str:
    """What the server's processes were doing: how many, averaged over the runs' samples."""
    backends: defaultdict[str, float] = defaultdict(float)
    for felt in runs:
        for doing, average in felt.average_backends.items():
            backends[doing] += average / len(runs)
    most = sorted(backends.items(), key=itemgetter(1), reverse=True)[:ACTIVITIES_SHOWN]
    shown = [f"{doing} {average:.2f}" for doing, average in most]
    return f"backends during {name}: {', '.join(shown) or 'too short to say'}"
