"""Reads the figures each time that Prometheus asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from token_rotation.inspection.counting import PendingCount, count_pending
from token_rotation.inspection.preflight import inspect
from token_rotation.metrics.totals import Totals, totals_of
from token_rotation.postgres import statements
from token_rotation.postgres.connection import reading
from token_rotation.selection.target import Target
from token_rotation.sql import batch as batch_sql
from token_rotation.targets.discovery import find_targets

CONNECT_SECONDS = 2
LIMIT = {"statement_timeout_ms": 2000}
# A count that takes longer is left, and the server's estimate given.
COUNT_AT_MOST_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Figures:
    """``pending`` is None when the table is not there to be counted."""

    is_guarded: bool
    pending: PendingCount | None
    totals: Totals


class RotationCollector(Collector):
    """The figures of every target of a database, told apart by the label "model".

    ``collect`` raises a RotationError where the database cannot be read.
    """

    def __init__(self, database: str) -> None:
        self._database = database

    def collect(self) -> Iterator[Metric]:
        figures = [(each.label, read(each)) for each in find_targets(self._database)]
        yield from _gauges(figures)
        yield from _counters(figures)
        batch_seconds = HistogramMetricFamily(
            "rotation_batch_seconds", "How long batches took, locks held.", labels=["model"]
        )
        for model, figure in figures:
            of_all = figure.totals.done.batch_seconds
            batch_seconds.add_metric([model], of_all.cumulative(), of_all.sum_seconds)
        yield batch_seconds


def read(target: Target) -> Figures:
    """Look at the table and the records now. Raises RotationError."""
    with reading(target.database, connect_seconds=CONNECT_SECONDS) as connection:
        with connection.transaction(statements.LIMIT_STATEMENT, values=LIMIT):
            guard = inspect(connection, target)
            if guard.triggers:  # a table that others keep locked would hold up the count
                connection.value(batch_sql.any_pending(target))
        pending = (
            count_pending(connection, target, at_most_seconds=COUNT_AT_MOST_SECONDS)
            if guard.triggers
            else None
        )
    return Figures(guard.intact, pending, totals_of(target))


def _gauges(figures: list[tuple[str, Figures]]) -> Iterator[Metric]:
    pending = GaugeMetricFamily(
        "rotation_pending_rows", "Rows whose token is still to be rotated.", labels=["model"]
    )
    is_estimate = GaugeMetricFamily(
        "rotation_pending_rows_is_estimate",
        "1 when there were too many pending rows to count them.",
        labels=["model"],
    )
    guarded = GaugeMetricFamily(
        "rotation_guard_intact", "1 while triggers and indexes are in order.", labels=["model"]
    )
    running = GaugeMetricFamily(
        "rotation_running", "Rotations that have not ended, dead ones too.", labels=["model"]
    )
    for model, each in figures:
        if each.pending is not None:
            pending.add_metric([model], each.pending.rows)
            is_estimate.add_metric([model], each.pending.is_estimate)
        guarded.add_metric([model], each.is_guarded)
        running.add_metric([model], each.totals.running)
    yield from (pending, is_estimate, guarded, running)


def _counters(figures: list[tuple[str, Figures]]) -> Iterator[Metric]:
    rotated = CounterMetricFamily(
        "rotation_rotated_rows", "Rows rotated by all recorded rotations.", labels=["model"]
    )
    retries = CounterMetricFamily(
        "rotation_retries", "Statements tried again after a fault.", labels=["model"]
    )
    waited = CounterMetricFamily(
        "rotation_waited_seconds", "Time held back, by reason.", labels=["model", "reason"]
    )
    for model, each in figures:
        rotated.add_metric([model], each.totals.done.rotated_rows)
        retries.add_metric([model], each.totals.done.retries)
        for reason, seconds in sorted(each.totals.done.waited_seconds.items()):
            waited.add_metric([model, reason], seconds)
    yield from (rotated, retries, waited)
