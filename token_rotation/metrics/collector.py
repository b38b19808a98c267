"""TargetMetrics, read from the database on each scrape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from token_rotation.inspection.counting import PendingCount, count_pending
from token_rotation.inspection.preflight import inspect
from token_rotation.metrics.prometheus import (
    Collector,
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from token_rotation.metrics.targets import targets_on
from token_rotation.metrics.totals import Totals, totals_of
from token_rotation.postgres import statements
from token_rotation.postgres.reading import reading
from token_rotation.selection.target import Target
from token_rotation.sql import batch as batch_sql

PREFIX = "token_rotation"
CONNECT_SECONDS = 2
LIMIT = {"statement_timeout_ms": 2000}
# A count that takes longer is replaced by the server's estimate.
COUNT_AT_MOST_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class TargetMetrics:
    """The figures of one target.

    ``pending`` is None if there is no table to count, or the role sees only a part of it.
    ``is_guarded`` is None if a later release changed the guard, so that this code cannot tell.
    """

    is_guarded: bool | None
    pending: PendingCount | None
    totals: Totals


class RotationCollector(Collector):
    """The figures of every target on a database.

    The label "model" names the target. ``collect`` raises RotationError if the database cannot be
    read.
    """

    def __init__(self, database: str) -> None:
        self._database = database

    def collect(self) -> Iterator[Metric]:
        figures = [(each.label, read(each)) for each in targets_on(self._database)]
        yield from _gauges(figures)
        yield from _counters(figures)
        batch_seconds = HistogramMetricFamily(
            f"{PREFIX}_batch_seconds", "Duration of batches, with their locks.", labels=["model"]
        )
        for model, figure in figures:
            of_all = figure.totals.done.batch_seconds
            batch_seconds.add_metric([model], of_all.cumulative(), of_all.sum_seconds)
        yield batch_seconds


def read(target: Target) -> TargetMetrics:
    """Read the table and the records now. Raises RotationError."""
    with reading(target.database, connect_seconds=CONNECT_SECONDS, locked_seconds=0) as connection:
        with connection.transaction(statements.LIMIT_STATEMENT, values=LIMIT):
            guard = inspect(connection, target, compares_rows=False)
            may_count = bool(guard.triggers) and not guard.is_blind
            if may_count:  # a table that others keep locked would hold up the count
                connection.value(batch_sql.any_pending(target))
        pending = (
            count_pending(connection, target, at_most_seconds=COUNT_AT_MOST_SECONDS)
            if may_count
            else None
        )
    is_guarded = None if guard.is_of_later_release else guard.serves
    return TargetMetrics(is_guarded, pending, totals_of(target))


def _gauges(figures: list[tuple[str, TargetMetrics]]) -> Iterator[Metric]:
    pending = GaugeMetricFamily(
        f"{PREFIX}_pending_rows", "Rows not rotated yet, by the index.", labels=["model"]
    )
    is_estimate = GaugeMetricFamily(
        f"{PREFIX}_pending_rows_is_estimate",
        "1 if the number of pending rows is an estimate.",
        labels=["model"],
    )
    guarded = GaugeMetricFamily(
        f"{PREFIX}_guard_intact", "1 while triggers and indexes are in order.", labels=["model"]
    )
    running = GaugeMetricFamily(
        f"{PREFIX}_running", "Rotations that have not ended, killed ones too.", labels=["model"]
    )
    verified = GaugeMetricFamily(
        f"{PREFIX}_verified_timestamp_seconds",
        "Unix time of the last read of the whole table that found nothing pending.",
        labels=["model"],
    )
    for model, each in figures:
        if each.totals.verified_at is not None:
            verified.add_metric([model], each.totals.verified_at.timestamp())
        if each.pending is not None:
            pending.add_metric([model], each.pending.rows)
            is_estimate.add_metric([model], each.pending.is_estimate)
        if each.is_guarded is not None:
            guarded.add_metric([model], each.is_guarded)
        running.add_metric([model], each.totals.running)
    yield from (pending, is_estimate, guarded, running, verified)


def _counters(figures: list[tuple[str, TargetMetrics]]) -> Iterator[Metric]:
    rotated = CounterMetricFamily(
        f"{PREFIX}_rotated_rows", "Rows rotated by all recorded rotations.", labels=["model"]
    )
    retries = CounterMetricFamily(
        f"{PREFIX}_retries", "Statements tried again after a fault.", labels=["model"]
    )
    waited = CounterMetricFamily(
        f"{PREFIX}_waited_seconds", "Time spent waiting, by reason.", labels=["model", "reason"]
    )
    for model, each in figures:
        rotated.add_metric([model], each.totals.done.rotated_rows)
        retries.add_metric([model], each.totals.done.retries)
        for reason, seconds in sorted(each.totals.done.waited_seconds.items()):
            waited.add_metric([model, reason], seconds)
    yield from (rotated, retries, waited)
