"""Everything that the page shows of one target, in pieces that are sent again when they change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import Any

from django.utils.text import slugify

from token_rotation import wording
from token_rotation.inspection.preflight import GuardState
from token_rotation.page.controls import Controls, controls_of
from token_rotation.page.figures import Figures, figures_of
from token_rotation.page.look import Look, looks
from token_rotation.page.rates import rates
from token_rotation.page.records import Records, database_now, read_records
from token_rotation.selection.target import Target

TABLE_STEP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Condition:
    """Guard and sizes; ``guard_is_whole`` is None where it could not be looked at.

    ``parts`` of the guard come with their states.
    """

    guard_is_whole: bool | None
    parts: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]
    table_size: str
    index_size: str
    dead_rows: str
    advice: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Rows per second over the last minutes: points for the drawing, rows for the table."""

    points: tuple[tuple[int, float | None], ...]
    rows: tuple[tuple[datetime, str], ...]


@dataclass(frozen=True, slots=True)
class Run:
    """One of the recent operations; ``kind`` is good, bad, busy or plain."""

    number: int
    started_at: datetime
    who: str
    kind: str
    outcome: str
    error: str | None
    rotated: str
    took: str


@dataclass(frozen=True, slots=True)
class History:
    runs: tuple[Run, ...]
    unreadable_because: str | None


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the page with an id of its own; ``version`` is another one when it has changed."""

    name: str
    slug: str
    data: Any

    @property
    def id(self) -> str:
        return f"{self.name}-{self.slug}"

    @property
    def template(self) -> str:
        return f"token_rotation/pieces/{self.name}.html"

    @property
    def version(self) -> str:
        return sha256(repr(self.data).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Panel:
    target: Target
    slug: str
    figures: Piece
    chart: Piece
    condition: Piece
    controls: Piece
    history: Piece

    @property
    def pieces(self) -> tuple[Piece, ...]:
        return self.figures, self.chart, self.condition, self.controls, self.history


def panel_of(target: Target, *, may_control: bool) -> Panel:
    """How the target is now. Problems of the database are part of it, not raised."""
    records = read_records(target)
    look = looks.at(target, records.moment, partial(database_now, target))
    figures = figures_of(target, look, records)
    slug = slugify(target.label.replace(".", "-"))
    parts: dict[str, Figures | Chart | Condition | Controls | History] = {
        "figures": figures,
        "chart": _chart(records),
        "condition": _condition(look),
        "controls": controls_of(target, look, records, may_control=may_control),
        "history": _history(records),
    }
    return Panel(target, slug, **{name: Piece(name, slug, data) for name, data in parts.items()})


def _chart(records: Records) -> Chart:
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


def _condition(look: Look) -> Condition:
    report = look.report
    if report is None:
        said = getattr(look.error, "problems", None) or (f"{look.error}",)
        return Condition(None, (), tuple(said), *(wording.UNKNOWN,) * 3, advice=())
    found = (*report.guard.problems, *report.guard.warnings)
    return Condition(
        guard_is_whole=report.guard.intact,
        parts=tuple(_parts(report.guard)),
        problems=tuple(map(str, found)),
        table_size=wording.size(report.storage.table_bytes),
        index_size=wording.size(report.storage.index_bytes),
        dead_rows=wording.count(report.storage.dead_rows),
        advice=report.advice,
    )


def _parts(guard: GuardState) -> Iterator[tuple[str, str]]:
    for uri, state in guard.triggers.items():
        yield f"trigger {uri.partition(':')[2]}", state
    for kind, state in guard.indexes.items():
        yield f"{kind} index", state


def _history(records: Records) -> History:
    silent = {each.operation.pk for each in records.running if each.is_silent}
    runs = tuple(_run(run, is_silent=run["operation"] in silent) for run in records.recent)
    return History(runs, records.unreadable_because)


def _run(run: dict[str, Any], *, is_silent: bool) -> Run:
    outcome = run["outcome"].replace("_", " ")
    kinds = {"complete": "good", "error": "bad", "running": "busy"}
    kind = "bad" if is_silent else kinds.get(outcome, "plain")
    return Run(
        number=run["operation"],
        started_at=datetime.fromisoformat(run["started_at"]),
        who=run["started_by"] or wording.UNKNOWN,
        kind=kind,
        outcome=f"{outcome}, spread" if run["spread"] else outcome,
        error="no sign of life" if is_silent else run["error"],
        rotated=f"{run['rotated_rows']:,}",
        took=wording.duration(run["seconds"]),
    )
