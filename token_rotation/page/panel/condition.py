"""The condition of a target: guard, sizes and advice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from token_rotation import wording
from token_rotation.inspection.preflight import GuardState
from token_rotation.page.look import Look


@dataclass(frozen=True, slots=True)
class Condition:
    """Guard and sizes of a target.

    ``guard_is_whole`` is None if the guard cannot be read. ``parts`` are the guard's triggers and
    indexes with their states.
    """

    guard_is_whole: bool | None
    parts: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]
    table_size: str
    index_size: str
    dead_rows: str
    advice: tuple[str, ...]


def condition_of(look: Look) -> Condition:
    report = look.report
    if report is None:
        said = getattr(look.error, "problems", None) or (f"{look.error}",)
        return Condition(None, (), tuple(said), *(wording.UNKNOWN,) * 3, advice=())
    found = (*report.guard.wrong, *report.guard.warnings)
    return Condition(
        guard_is_whole=None if report.guard.is_of_later_release else not report.guard.wrong,
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
