"""Group the steps of guards: as few migrations as can be run again safely.

What changes one table in no time is one operation, and so one transaction: nobody meets a part of
it, and two tables are never locked together. Index builds lock nothing and find what is there
already, so one migration has them all. A step that may take long stays alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db.migrations.operations.base import Operation

from token_rotation.makemigrations.steps import Place, Step
from token_rotation.schema import TogetherPolitely


@dataclass(frozen=True, slots=True)
class Group:
    """The operations of one migration."""

    operations: list[Operation]
    atomic: bool = True
    notice: str | None = None


def grouped(steps: Sequence[Step]) -> Iterator[Group]:
    """Yield the groups in the order in which they are to be applied."""
    ordered = sorted(steps, key=lambda step: step.place)
    left = [step.operation for step in ordered if step.place is Place.LEFT_INDEX]
    if left:
        yield Group(left, atomic=False)
    for model in dict.fromkeys(step.model for step in steps):
        yield from _of_a_table([step for step in ordered if step.atomic and step.model == model])
    builds = [
        step.operation for step in ordered if not step.atomic and step.place is not Place.LEFT_INDEX
    ]
    if builds:
        yield Group(builds, atomic=False)


def _of_a_table(steps: Sequence[Step]) -> Iterator[Group]:
    quick: list[Operation] = []
    for step in steps:
        if step.notice is None:
            quick.append(step.operation)
            continue
        yield from _together(quick)
        quick = []
        yield Group([step.operation], notice=step.notice)
    yield from _together(quick)


def _together(operations: list[Operation]) -> Iterator[Group]:
    if operations:
        is_one = len(operations) == 1
        yield Group(operations if is_one else [TogetherPolitely(operations)])
