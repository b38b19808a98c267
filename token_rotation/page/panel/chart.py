"""The curve of rows per second: points and a table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from token_rotation import wording
from token_rotation.page.running.rates import rates
from token_rotation.page.running.records import TargetRecords

TABLE_STEP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Chart:
    """Rows per second over ten minutes.

    It has points for the curve and rows for the table.
    """

    points: tuple[tuple[int, float | None], ...]
    rows: tuple[tuple[datetime, str], ...]


def chart_of(records: TargetRecords) -> Chart:
    points = rates(records.histories, now=records.now)
    steps: dict[int, list[float]] = {}
    for at, rate in points:
        if rate is not None:
            steps.setdefault(-(-at // TABLE_STEP_SECONDS) * TABLE_STEP_SECONDS, []).append(rate)
    return Chart(
        points=tuple((at, None if rate is None else round(rate, 1)) for at, rate in points),
        rows=tuple(
            (datetime.fromtimestamp(at, UTC), wording.rate(sum(found) / len(found)))
            for at, found in sorted(steps.items(), reverse=True)
        ),
    )
