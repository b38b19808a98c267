"""A burst of traffic in the middle of a rotation: how soon both have what they need again."""

import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.announce import announce
from benchmark.errors import BenchmarkError
from benchmark.parts.beside_traffic.run import (
    BUDGET_MS,
    QUICK_QUIET_SECONDS,
    QUIET_SECONDS,
    pooled,
)
from benchmark.parts.part import Part
from benchmark.parts.verdict import Verdict
from benchmark.processes.databases import Databases
from benchmark.recipes import KEY_RANGES, ONE_WORKER
from benchmark.traffic.advance import Advance
from benchmark.traffic.pgbench import running_traffic
from benchmark.traffic.transactions import Transaction, percentile
from benchmark.traffic.watch import watching

RATE_PER_SECOND = 1_000
WINDOW_SECONDS = 0.5
BEFORE_SECONDS, BURST_SECONDS, AFTER_SECONDS = 5.0, 8.0, 6.0
QUICK_SECONDS = 0.5
FULL_SPEED = 0.8
"""Of the rate before the burst. A rate of half a second wavers, and VACUUM goes on beside it."""
INSIDE_WITHIN_SECONDS, FULL_SPEED_WITHIN_SECONDS = 2.0, 5.0


@dataclass(frozen=True, slots=True)
class Burst:
    """One rotation: delays in ms before it, and by window since the burst began; rates likewise.

    ``rates`` are rows a second by window since the burst's end, ``full_rate`` those before it.
    """

    quiet_ms: Sequence[float]
    beside_ms: Sequence[Sequence[float]]
    full_rate: float
    burst_rate: float
    rates: Sequence[float]


def measure_bursts(databases: Databases, *, rows: int, rounds: int, quick: bool) -> Part:
    """The default rotation on a table so large that it is at work when the burst has long ended."""
    announce("bursts, warm-up")
    with databases.clone(rows) as url:
        KEY_RANGES.run(url)
    bursts = []
    for number in range(rounds):
        announce(f"bursts, run {number + 1} of {rounds}")
        bursts.append(_measure(databases, rows, quick=quick))
    quiet = percentile(pooled([each.quiet_ms for each in bursts]), 99)
    windows = list(zip(*(each.beside_ms for each in bursts), strict=True))
    added = [percentile(pooled(window), 99) - quiet for window in windows]
    rates = [
        statistics.median(burst.rates[number] / burst.full_rate for burst in bursts)
        for number in range(len(bursts[0].rates))
    ]
    inside, full = _inside_after(windows, quiet), _full_speed_after(rates)
    figures: dict[str, Any] = {
        "transactions_per_second": RATE_PER_SECOND,
        "budget_ms": BUDGET_MS,
        "window_seconds": WINDOW_SECONDS,
        "transactions": [len(pooled(window)) for window in windows],
        "quiet_p99_ms": quiet,
        "added_p99_ms": added,
        "burst_rate_to_full": statistics.median(b.burst_rate / b.full_rate for b in bursts),
        "rates_to_full_afterwards": rates,
    }
    verdicts = [
        Verdict(
            "seconds until a burst is inside the budget", inside, at_most=INSIDE_WITHIN_SECONDS
        ),
        Verdict("seconds until full speed after a burst", full, at_most=FULL_SPEED_WITHIN_SECONDS),
    ]
    return Part("bursts", figures, verdicts)


def _measure(databases: Databases, rows: int, *, quick: bool) -> Burst:
    before, lasting, after = BEFORE_SECONDS, BURST_SECONDS, AFTER_SECONDS
    quiet_seconds = QUIET_SECONDS
    if quick:
        before = lasting = after = QUICK_SECONDS
        quiet_seconds = QUICK_QUIET_SECONDS
    with databases.clone(rows) as url:
        quiet, began_at, _ = _traffic(url, rows, 2 * quiet_seconds)
        late = [each for each in quiet if each.scheduled_at > began_at + quiet_seconds]
        with watching(url) as watch:
            process = ONE_WORKER.start(url)
            try:
                watch.await_rotated(1, process)
                with Advance(url, rows) as advance:
                    time.sleep(before)
                    beside, began_at, ended_at = _traffic(url, rows, lasting)
                    time.sleep(after)
                _assert_at_work(process, quick=quick)
            finally:
                _end(process)
    steps = range(round(lasting / WINDOW_SECONDS))
    return Burst(
        quiet_ms=[each.latency_seconds * 1e3 for each in late],
        beside_ms=[_delays(beside, began_at + step * WINDOW_SECONDS) for step in steps],
        full_rate=max(1.0, advance.rate(began_at - before / 2, began_at)),
        burst_rate=advance.rate(began_at + lasting / 2, ended_at),
        rates=[
            advance.rate(ended_at + step * WINDOW_SECONDS, ended_at + (step + 1) * WINDOW_SECONDS)
            for step in range(round(after / WINDOW_SECONDS))
        ],
    )


def _traffic(url: str, rows: int, seconds: float) -> tuple[list[Transaction], float, float]:
    """Traffic for so long, without anything before it that would announce it."""
    with (
        tempfile.TemporaryDirectory() as directory,
        running_traffic(
            url,
            rows=rows,
            warm_up_seconds=0.0,
            directory=Path(directory),
            rate_per_second=RATE_PER_SECOND,
        ) as traffic,
    ):
        time.sleep(seconds)
        traffic.end_after(time.time())
        ended_at = time.time()
        some = traffic.between(0.0, ended_at)
        return some, min(each.scheduled_at for each in some), ended_at


def _delays(some: Sequence[Transaction], since: float) -> list[float]:
    return [
        each.latency_seconds * 1e3
        for each in some
        if since <= each.scheduled_at < since + WINDOW_SECONDS
    ]


def _assert_at_work(process: "subprocess.Popen[bytes]", *, quick: bool) -> None:
    if process.poll() is not None and not quick:
        raise BenchmarkError("the rotation ended before the burst was over: give it more --rows")


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.terminate()
    process.wait()


def _inside_after(windows: Sequence[Sequence[Sequence[float]]], quiet_ms: float) -> float:
    """Seconds from the burst's beginning to the window from which on the budget is kept."""
    for number in range(len(windows)):
        rest = pooled([one for window in windows[number:] for one in window])
        if percentile(rest, 99) - quiet_ms <= BUDGET_MS:
            return number * WINDOW_SECONDS
    return len(windows) * WINDOW_SECONDS


def _full_speed_after(rates: Sequence[float]) -> float:
    """Seconds from the burst's end to the end of the first window at full speed."""
    for number, rate in enumerate(rates, 1):
        if rate >= FULL_SPEED:
            return number * WINDOW_SECONDS
    return (len(rates) + 1) * WINDOW_SECONDS
