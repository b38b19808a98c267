"""Find triggers of somebody else that may write tokens or markers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from token_rotation.inspection.problem import Problem
from token_rotation.inspection.triggers.table_writes import table_writes
from token_rotation.inspection.triggers.tree import FoundTrigger, Tree
from token_rotation.inspection.triggers.trigger_source import Writes, writes
from token_rotation.selection.target import Target


@dataclass(frozen=True, slots=True)
class Suspect:
    """A trigger that may write a token, as far as its text tells.

    PostgreSQL fires BEFORE triggers in the order of their names. ``later_events`` are those at
    which it fires after the guard and has the last word. Before the guard, it matters to a
    rotation alone: the guard takes its token for the rotation's. ``by_statement``: a statement of
    its own writes the table, which the guard takes for a rotation whenever it comes.
    """

    trigger: FoundTrigger
    writes: Writes
    later_events: frozenset[str]
    by_statement: bool = False

    @property
    def overrules(self) -> bool:
        """Return True if it surely writes after the guard has decided."""
        return bool(self.later_events) and self.writes is Writes.ASSIGNS

    @property
    def named(self) -> str:
        return f"{self.trigger.name} on {self.trigger.relation.name}"

    @property
    def mend(self) -> str:
        """The SQL that gives the guard the last word."""
        name, relation = self.trigger.name, self.trigger.relation.name
        if self.by_statement:
            return f'ALTER TABLE {relation} DISABLE TRIGGER "{name}"'
        return f'ALTER TRIGGER "{name}" ON {relation} RENAME TO "a_{name}"'

    @property
    def advice(self) -> str:
        """What to type, and why it helps."""
        if self.by_statement:
            look = f"\\sf {self.trigger.function.signature}"
            return f"{self.mend}; in psql, until its function leaves them alone ({look})"
        return f"{self.mend}; in psql, so that it fires before the guard. Or drop it"


def find_suspects(tree: Tree, target: Target) -> list[Suspect]:
    """Return the triggers that may write token or marker.

    They fire at INSERT or UPDATE, on any relation of the tree: before a row is written, or with a
    statement of their own that writes the table. Copies on partitions count once.
    """
    guards = {trigger.name for trigger in target.guard_triggers}
    seen: set[tuple[str, int]] = set()
    found = []
    for each in sorted(tree.triggers, key=lambda trigger: trigger.is_copy):
        if each.name in guards or not each.fires:
            continue
        suspect = _suspect(each, tree, target)
        key = (each.name, each.function_oid)
        if suspect is None or (each.is_copy and key in seen):
            continue
        seen.add(key)
        found.append(suspect)
    return found


def suspect_problems(suspects: Iterable[Suspect], target: Target) -> Iterator[Problem]:
    """Yield a problem for each trigger that overrules the guard."""
    watched = " or ".join(_watched(target))
    for each in suspects:
        if each.overrules and each.by_statement:
            sentence = (
                f"The function of the trigger {each.named} updates {watched} of the table, which "
                "the guard takes for a rotation, so leaked tokens may come back"
            )
            yield Problem("token_rotation.E031", sentence, each.advice)
        elif each.overrules:
            sentence = (
                f"The trigger {each.named} fires after the guard and its function writes "
                f"{watched}, so the guard does not have the last word"
            )
            yield Problem("token_rotation.E031", sentence, each.advice)


def suspect_warnings(suspects: Iterable[Suspect], target: Target) -> Iterator[Problem]:
    """Yield a warning for each trigger that only a trial can judge."""
    for each in suspects:
        if each.overrules:
            continue
        may = f"may write {' or '.join(_watched(target))}"
        trial = "a rotation tries it on one row first, and checks each batch before it commits"
        if each.later_events:
            how = "with a statement" if each.by_statement else "after the guard"
            sentence = (
                f"As far as its text tells, the function of the trigger {each.named} {may} {how}: "
                f"{trial}"
            )
            yield Problem("token_rotation.W030", sentence, each.advice)
        else:
            yield Problem(
                "token_rotation.W031",
                f"The function of the trigger {each.named} {may}: {trial}",
                f"\\sf {each.trigger.function.signature} in psql, and change it if it writes them",
            )


def _suspect(trigger: FoundTrigger, tree: Tree, target: Target) -> Suspect | None:
    events = trigger.events & {"INSERT", "UPDATE"}
    if not events:
        return None
    later = frozenset(event for event in events if _fires_later(trigger, event, target))
    row, table = _row_writes(trigger, later, target), _table_writes(trigger, tree, target)
    if row is table is Writes.NOTHING:
        return None
    if table is Writes.ASSIGNS or table.value > row.value:
        return Suspect(trigger, table, frozenset(events), by_statement=True)
    return Suspect(trigger, row, later)


def _row_writes(trigger: FoundTrigger, later: frozenset[str], target: Target) -> Writes:
    """Tell what it may write in the row itself."""
    is_before = trigger.level == "ROW" and trigger.timing == "BEFORE"
    if not is_before or not (later or "UPDATE" in trigger.events):
        return Writes.NOTHING  # the guard gives the row a token of its own after it
    return writes(trigger.function, trigger.arguments, *_watched(target))


def _table_writes(trigger: FoundTrigger, tree: Tree, target: Target) -> Writes:
    """Tell what statements of it may write."""
    found = (
        table_writes(each, tree.names, *_watched(target))
        for each in (trigger.function, *trigger.calls)
    )
    return max(found, key=lambda each: each.value)


def _fires_later(trigger: FoundTrigger, event: str, target: Target) -> bool:
    """Return True if it fires after a guard trigger; PostgreSQL compares the names' bytes."""
    return any(
        trigger.name.encode() > guard.name.encode()
        for guard in target.guard_triggers
        if guard.definition.timing == "BEFORE" and event in guard.definition.events
    )


def _watched(target: Target) -> tuple[str, ...]:
    return (target.token_column, target.marker_column, *target.derived)
