"""How the guards on other apps' tables change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from django.db.migrations.graph import MigrationGraph
from django.db.migrations.state import ProjectState

from token_rotation.makemigrations.foreign import (
    ForeignMarker,
    Guarding,
    Standing,
    concrete,
    guarding,
    standing,
)
from token_rotation.makemigrations.guarded import ModelKey
from token_rotation.makemigrations.leaving import left_behind
from token_rotation.makemigrations.steps import Step
from token_rotation.triggers.guard import GuardPair
from token_rotation.triggers.names import Column


class ForeignGuards:
    """The columns of ours that stay, those that go, and proxies that take over from others.

    A column that nothing guarded until now says nothing: it goes, also where a guard wants it.
    """

    def __init__(
        self,
        before: ProjectState,
        after: ProjectState,
        pairs: Mapping[ModelKey, Iterable[GuardPair]],
        graph: MigrationGraph | None,
    ) -> None:
        found = Standing() if graph is None else standing(graph)
        guarded = guarding(before, found.markers)
        wanted = _wanted(after, pairs)
        there = {each for each in found.markers if each.model in before.models}
        self._kept = {each for each in there if each in guarded and each in wanted}
        self.left: dict[str, list[Step]] = defaultdict(list)
        self.moved: dict[str, dict[str, str]] = defaultdict(dict)
        tables = {(each.owner, each.model) for each in wanted}
        for each in sorted(there - self._kept):
            is_last = (each.owner, each.model) not in tables
            steps = left_behind(each, guarded.get(each), found, is_last=is_last)
            self.left[each.owner] += steps
        for each in self._kept:
            if guarded[each].proxy != wanted[each].proxy:
                self.moved[each.owner][guarded[each].proxy] = wanted[each].proxy
        self._has_graph = graph is not None
        self._names = {(each.owner, each.model[0], each.name) for each in found.markers}
        self._after = after

    def adds_marker(self, model: ModelKey, pair: GuardPair, known: frozenset[str]) -> bool:
        """Return True if the guard's marker is a column that does not stand yet.

        Its model may have had another name when the column came. Who asks for changes without a
        graph learns it from the triggers that are ``known``.
        """
        marker, is_known = pair.update.marker, pair.insert.name in known
        if not isinstance(marker, Column) or not self._has_graph:
            return not is_known
        target = concrete(self._after, model)
        if is_known:
            return (model[0], target[0], marker.name) not in self._names
        return ForeignMarker(model[0], target, marker.name) not in self._kept


def _wanted(
    state: ProjectState, pairs: Mapping[ModelKey, Iterable[GuardPair]]
) -> dict[ForeignMarker, Guarding]:
    return {
        ForeignMarker(model[0], concrete(state, model), pair.update.marker.name): Guarding(
            model[1], pair.update.token
        )
        for model, listed in pairs.items()
        for pair in listed
        if isinstance(pair.update.marker, Column)
    }
