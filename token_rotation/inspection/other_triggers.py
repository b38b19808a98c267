"""Find triggers of somebody else that may write tokens or markers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from token_rotation.inspection.problem import Problem
from token_rotation.inspection.tree import FoundTrigger, Tree
from token_rotation.inspection.trigger_source import Writes, writes
from token_rotation.selection.target import Target


@dataclass(frozen=True, slots=True)
class Suspect:
    """A trigger that may write a token, as far as its text tells.

    PostgreSQL fires BEFORE triggers in the order of their names. ``later_events`` are those at
    which it fires after the guard and has the last word. Before the guard, it matters to a
    rotation alone: the guard takes its token for the rotation's.
    """

    trigger: FoundTrigger
    writes: Writes
    later_events: frozenset[str]

    @property
    def overrules(self) -> bool:
        """Return True if it surely writes after the guard has decided."""
        return bool(self.later_events) and self.writes is Writes.ASSIGNS

    @property
    def named(self) -> str:
        return f"{self.trigger.name} on {self.trigger.relation.name}"

    @property
    def rename(self) -> str:
        """The SQL that makes it fire before the guard."""
        name, relation = self.trigger.name, self.trigger.relation.name
        return f'ALTER TRIGGER "{name}" ON {relation} RENAME TO "a_{name}"'


def find_suspects(tree: Tree, target: Target) -> list[Suspect]:
    """Return the triggers that may write token or marker.

    They fire at INSERT or UPDATE, on any relation of the tree; copies on partitions count once.
    """
    guards = {trigger.name for trigger in target.guard_triggers}
    seen: set[tuple[str, int]] = set()
    found = []
    for each in sorted(tree.triggers, key=lambda trigger: trigger.is_copy):
        is_candidate = each.fires and each.level == "ROW" and each.timing == "BEFORE"
        if each.name in guards or not is_candidate:
            continue
        suspect = _suspect(each, target)
        key = (each.name, each.function_oid)
        if suspect is None or (each.is_copy and key in seen):
            continue
        seen.add(key)
        found.append(suspect)
    return found


def suspect_problems(suspects: Iterable[Suspect], target: Target) -> Iterator[Problem]:
    """Yield a problem for each trigger that overrules the guard."""
    for each in suspects:
        if each.overrules:
            yield Problem(
                "token_rotation.E031",
                f"The trigger {each.named} fires after the guard and its function writes "
                f"{' or '.join(_watched(target))}, so the guard does not have the last word",
                f"{each.rename}; in psql, so that it fires before the guard. Or drop it",
            )


def suspect_warnings(suspects: Iterable[Suspect], target: Target) -> Iterator[Problem]:
    """Yield a warning for each trigger that only a trial can judge."""
    for each in suspects:
        if each.overrules:
            continue
        may = f"may write {' or '.join(_watched(target))}"
        trial = "a rotation tries it on one row first, and checks each batch before it commits"
        if each.later_events:
            yield Problem(
                "token_rotation.W030",
                f"The trigger {each.named} fires after the guard, and as far as its text tells "
                f"its function {may}: {trial}",
                f"{each.rename}; in psql, so that it fires before the guard. Or drop it",
            )
        else:
            yield Problem(
                "token_rotation.W031",
                f"The function of the trigger {each.named} {may}: {trial}",
                f"\\sf {each.trigger.function.signature} in psql, and change it if it writes them",
            )


def _suspect(trigger: FoundTrigger, target: Target) -> Suspect | None:
    events = trigger.events & {"INSERT", "UPDATE"}
    later = frozenset(event for event in events if _fires_later(trigger, event, target))
    if not later and "UPDATE" not in events:
        return None  # the guard gives the row a token of its own after it
    found = writes(trigger.function, trigger.arguments, *_watched(target))
    return None if found is Writes.NOTHING else Suspect(trigger, found, later)


def _fires_later(trigger: FoundTrigger, event: str, target: Target) -> bool:
    """Return True if it fires after a guard trigger; PostgreSQL compares the names' bytes."""
    return any(
        trigger.name.encode() > guard.name.encode()
        for guard in target.guard_triggers
        if guard.definition.timing == "BEFORE" and event in guard.definition.events
    )


def _watched(target: Target) -> tuple[str, ...]:
    return (target.token_column, target.marker_column, *getattr(target, "derived", ()))
