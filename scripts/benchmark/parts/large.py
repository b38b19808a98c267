"""One rotation of a table that is larger than memory."""

import time
from dataclasses import replace
from typing import Any

import psutil

from benchmark.announce import announce
from benchmark.errors import BenchmarkError
from benchmark.measures import HEAP, INDEXES, WAL
from benchmark.parts.part import Part
from benchmark.parts.scale import INTERRUPTED_FROM_ROWS
from benchmark.parts.verdict import Verdict
from benchmark.processes.connection import one_value
from benchmark.processes.databases import Databases
from benchmark.processes.manage import manage
from benchmark.recipes import ONE_WORKER
from benchmark.recipes.interrupted import resumed, running
from benchmark.traffic.watch import Watch, watching

PERCENTS = (5, 15, 25, 35, 45, 55, 65, 75, 85, 95)
EARLY, LATE = PERCENTS[0], PERCENTS[-1]
LEAST_LOOK_SECONDS, MOST_LOOK_SECONDS = 0.002, 0.25
LOOKED_ROWS = 400e6
AT_MOST_SECONDS = 6 * 3600.0
GROWTH_AT_MOST = 1.5
ROWS_PENDING = 3
SIZES = (
    "SELECT jsonb_build_object('heap', pg_table_size('tickets_ticket'), "
    "'indexes', pg_indexes_size('tickets_ticket'))"
)


def measure_large(databases: Databases, *, rows: int) -> Part:
    """Once, with the defaults: killed at 5 and at 95 % of the rows, then run to its end.

    The rate is that between the two kills, by a clock outside of the rotation.
    """
    with databases.filled_once(rows) as url:
        figures: dict[str, Any] = {"bytes_before": one_value(url, SIZES)}
        for measure in (HEAP, INDEXES, WAL):
            measure.start(url)
        with watching(url) as watch:
            figures |= _first_batch(url, watch)
            figures |= _until(url, watch, rows, (EARLY,))
            figures |= _until(url, watch, rows, PERCENTS[1:])
        announce("the rest of it")
        finished = ONE_WORKER.run(url)
        figures["bytes_after"] = one_value(url, SIZES)
        for measure in (HEAP, INDEXES):
            figures[measure.key] = measure.read(url, finished)
        figures[WAL.key] = WAL.read(url, replace(finished, rows=rows))
        databases.check(url, ONE_WORKER, finished, finished.rows)
        announce("the verdict again")
        figures["verdict_seconds"] = manage("rotate_tokens", database_url=url).seconds
    return Part("large", figures, _verdicts(figures, rows))


def _first_batch(url: str, watch: Watch) -> dict[str, Any]:
    started = time.perf_counter()
    with running(ONE_WORKER, url) as process:
        seconds = watch.await_rotated(1, process) - started
    watch.await_gone()
    return {"first_batch_seconds": seconds}


def _until(url: str, watch: Watch, rows: int, percents: tuple[int, ...]) -> dict[str, Any]:
    """Let it run, kill it at the last of the parts, and see it go on."""
    announce(f"until {percents[-1]} % are rotated")
    began = watch.next_pending(1, rows) or 1
    started = time.perf_counter()
    seconds_at: dict[int, float] = {}
    with running(ONE_WORKER, url) as process:
        for percent in percents:
            at = watch.await_rotated(
                rows * percent // 100,
                process,
                look_seconds=min(MOST_LOOK_SECONDS, max(LEAST_LOOK_SECONDS, rows / LOOKED_ROWS)),
                at_most_seconds=AT_MOST_SECONDS,
            )
            seconds_at[percent] = at - started
        peak_bytes = psutil.Process(process.pid).memory_info().rss
    watch.await_gone()
    last = percents[-1]
    pending = watch.next_pending(rows * last // 100, rows)
    figures: dict[str, Any] = {
        f"seconds_until_{last}": seconds_at,
        f"rows_per_second_until_{last}": (rows * last // 100 - began) / seconds_at[last],
        f"client_memory_bytes_at_{last}": peak_bytes,
        f"resume_seconds_at_{last}": resumed(ONE_WORKER, url, watch, pending),
    }
    arguments = ("rotate_tokens", "--report", "--format", "json")
    ended_report = manage(*arguments, database_url=url, exit_codes=(0, ROWS_PENDING))
    return figures | {f"report_seconds_at_{last}": ended_report.seconds}


def _verdicts(figures: dict[str, Any], rows: int) -> list[Verdict]:
    verdicts = []
    for what in ("resume", "report"):
        late, early = (figures[f"{what}_seconds_at_{percent}"] for percent in (LATE, EARLY))
        if late is not None and early is not None:
            name = f"seconds of a {what}, {LATE} % done / {EARLY} % done"
            verdicts.append(Verdict(name, late / early, at_most=GROWTH_AT_MOST))
        elif rows >= INTERRUPTED_FROM_ROWS:
            raise BenchmarkError(f"{rows:,} rows were done before the kill came")
    return verdicts
