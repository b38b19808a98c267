"""What becomes of the default rotation when the table grows."""

from collections.abc import Sequence
from typing import Any

from benchmark.announce import announce
from benchmark.errors import BenchmarkError
from benchmark.measures import MEMORY, RATE, WAL
from benchmark.measures.measured_run import Figures, measured_run
from benchmark.parts.median import median
from benchmark.parts.part import Part
from benchmark.parts.rounds import shifted
from benchmark.parts.verdict import Verdict
from benchmark.processes.databases import Databases
from benchmark.processes.manage import manage
from benchmark.recipes import INDEPENDENT, ONE_WORKER
from benchmark.recipes.interrupted import resume_seconds

EARLY, LATE = 5, 95
INTERRUPTED_FROM_ROWS = 100_000  # a smaller rotation is over before it can be killed
RATE_AT_LEAST = 0.7
SLICED_AT_LEAST = 0.9
MEMORY_AT_MOST = 1.15
GROWTH_AT_MOST = 1.5
ROWS_PENDING = 3


def measure_scale(
    databases: Databases, sizes: Sequence[int], *, rounds: int, warm_up: bool
) -> Part:
    """Every size once a round; with ``warm_up``, the smallest one before the first."""
    ordered = sorted(sizes)
    if warm_up:
        announce("scale, warm-up")
        measured_run(databases, ONE_WORKER, ordered[0])
    runs: dict[int, list[Figures]] = {rows: [] for rows in ordered}
    for number in range(rounds):
        for rows in shifted(ordered, number):
            announce(f"scale, round {number + 1} of {rounds}: {rows:,} rows")
            figures = measured_run(databases, ONE_WORKER, rows)
            figures |= _independent_run(databases, rows)
            figures |= _first_batch(databases, rows)
            if rows >= INTERRUPTED_FROM_ROWS:
                figures |= _interrupted_run(databases, rows)
            runs[rows].append(figures)
    medians = {rows: _medians(some) for rows, some in runs.items()}
    sizes_json: list[dict[str, Any]] = [
        {"rows": rows, "medians": medians[rows], "runs": runs[rows]} for rows in ordered
    ]
    return Part("scale", {"sizes": sizes_json}, _verdicts(medians))


def _first_batch(databases: Databases, rows: int) -> Figures:
    """From the start of the process until the first row is seen to be rotated."""
    seconds = resume_seconds(databases, ONE_WORKER, rows=rows, percents=(0,))
    return {"first_batch_seconds": seconds[0]}


def _independent_run(databases: Databases, rows: int) -> Figures:
    """The same without what spares the token's index on large tables."""
    figures = measured_run(databases, INDEPENDENT, rows)
    return {f"independent_{measure.key}": figures[measure.key] for measure in (RATE, WAL)}


def _interrupted_run(databases: Databases, rows: int) -> Figures:
    figures: Figures = {}

    def report(url: str, percent: int) -> None:
        arguments = ("rotate_tokens", "--report", "--format", "json")
        ended = manage(*arguments, database_url=url, exit_codes=(0, ROWS_PENDING))
        figures[f"report_seconds_at_{percent}"] = ended.seconds

    seconds = resume_seconds(
        databases, ONE_WORKER, rows=rows, percents=(EARLY, LATE), killed_again=report
    )
    return figures | {f"resume_seconds_at_{percent}": s for percent, s in seconds.items()}


def _medians(runs: Sequence[Figures]) -> Figures:
    return {key: median(run[key] for run in runs) for key in runs[0]}


def _verdicts(medians: dict[int, Figures]) -> list[Verdict]:
    *others, largest = medians
    verdicts = []
    if others:
        rates = [medians[rows][RATE.key] or 0.0 for rows in (largest, others[-1])]
        what = f"rate at {largest:,} rows / {others[-1]:,}"
        verdicts.append(Verdict(what, rates[0] / rates[1], at_least=RATE_AT_LEAST))
        independent = medians[largest][f"independent_{RATE.key}"] or 0.0
        what = f"rate at {largest:,} rows / with --independent-tokens"
        verdicts.append(Verdict(what, rates[0] / independent, at_least=SLICED_AT_LEAST))
        memory = [figures[MEMORY.key] or 0.0 for figures in medians.values()]
        what = "largest client memory / smallest"
        verdicts.append(Verdict(what, max(memory) / min(memory), at_most=MEMORY_AT_MOST))
    for what in ("resume", "report"):
        late, early = (medians[largest].get(f"{what}_seconds_at_{p}") for p in (LATE, EARLY))
        if largest >= INTERRUPTED_FROM_ROWS:
            if late is None or early is None:
                raise BenchmarkError(f"{largest:,} rows were done before the kill came")
            name = f"seconds of a {what}, {LATE} % done / {EARLY} % done"
            verdicts.append(Verdict(name, late / early, at_most=GROWTH_AT_MOST))
    return verdicts
