"""Inspect the guard triggers on every relation of the tree.

Are they present, do they fire, and do they do what the model says?
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from token_rotation.inspection.problem import MAKE, MIGRATE, PGTRIGGER, Problem
from token_rotation.inspection.triggers.definitions import Comparison
from token_rotation.inspection.triggers.later_release import later_release
from token_rotation.inspection.triggers.tree import FoundTrigger, Relation, Tree
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.selection.target import GuardTrigger, Target
from token_rotation.triggers.library_functions import MADE_BY
from token_rotation.triggers.retired_sql import FUNCTIONS_AGAIN

_WORST_FIRST = ("missing", "disabled", "changed", "enabled")
_MOST_NAMES = 3
_BY_RELEASE = {"missing", "changed"}
"""States in which the guard of another release may be; none is disabled by a migration."""


@dataclass(frozen=True, slots=True)
class GuardOnRelation:
    """State of one guard trigger on one relation.

    ``state`` is "enabled", "disabled", "missing" or "changed": it does not do what the model says.
    ``differences`` says what is changed. ``is_outdated``: it is the trigger of an earlier release,
    or missing because that had none.
    """

    trigger: GuardTrigger
    relation: Relation
    is_root: bool
    state: str
    differences: tuple[str, ...] = ()
    is_outdated: bool = False

    @property
    def is_dispensable(self) -> bool:
        """Return True if it is missing and the guard holds without it."""
        return self.is_outdated and self.state == "missing"


def guard_on(tree: Tree, target: MarkedTable, comparison: Comparison) -> list[GuardOnRelation]:
    """Return the state of each guard trigger on each relation."""
    found = {(each.relation.oid, each.name): each for each in tree.triggers}
    return [
        _guard_on(trigger, relation, found.get((relation.oid, trigger.name)), tree, comparison)
        for trigger in target.guard_triggers
        for relation in tree.relations
    ]


def trigger_states(guards: Iterable[GuardOnRelation]) -> dict[str, str]:
    """Return the state of each guard trigger, by its uri: the worst of all relations."""
    states: dict[str, str] = {}
    for each in (guard for guard in guards if not guard.is_dispensable):
        known = states.get(each.trigger.uri, "enabled")
        states[each.trigger.uri] = min(known, each.state, key=_WORST_FIRST.index)
    return states


def trigger_problems(
    guards: Iterable[GuardOnRelation], target: Target, later_migrations: Callable[[], list[str]]
) -> Iterator[Problem]:
    """Yield problems that stop a rotation.

    They are triggers that are missing, disabled, or do something else. A partition has what its
    parent has, so a missing one is told of the parent alone. Nothing tells which tokens were
    written meanwhile, so each says how to replace them all. ``later_migrations`` names those that
    this code has not: they may have made the guard what it is, which is one problem of them all.
    """
    groups: dict[tuple[str, str, bool], list[GuardOnRelation]] = {}
    for each in guards:
        follows = each.state == "missing" and each.relation.is_partition and not each.is_root
        if each.state != "enabled" and not (follows or each.is_dispensable):
            groups.setdefault((each.trigger.uri, each.state, each.is_root), []).append(each)
    unlike = [group[0].trigger for (_, state, _), group in groups.items() if state in _BY_RELEASE]
    later = later_migrations() if unlike else []
    if later:
        yield later_release(target.table, [each.short_name for each in unlike], later)
    for (_, state, _), group in groups.items():
        if later and state in _BY_RELEASE:
            continue
        found = _PROBLEMS[state](group)
        yield replace(found, mend=f"{found.mend}. {_afterwards(target)}")


def outdated_triggers(guards: Iterable[GuardOnRelation]) -> Iterator[Problem]:
    """Yield a warning for each trigger of an earlier release."""
    for each in guards:
        if each.is_dispensable and each.is_root:
            yield Problem(
                "token_rotation.W002",
                f"The guard trigger {each.trigger.short_name} is missing on {each.relation.name}, "
                "so that the tokens of deleted rows are not retired",
                f"{MAKE}, and then: {_reinstall(each.trigger)}",
            )
        elif each.is_outdated and each.is_root:
            yield Problem(
                "token_rotation.W002",
                f"The guard trigger {each.trigger.short_name} on {each.relation.name} is not the "
                "one that the model describes",
                f"{MAKE}, and then: {_reinstall(each.trigger)}",
            )


def _guard_on(
    trigger: GuardTrigger,
    relation: Relation,
    found: FoundTrigger | None,
    tree: Tree,
    comparison: Comparison,
) -> GuardOnRelation:
    is_root = relation is tree.relations[0]
    if found is None:
        return GuardOnRelation(trigger, relation, is_root, "missing", is_outdated=trigger.is_new)
    if not found.fires:
        return GuardOnRelation(trigger, relation, is_root, "disabled")
    differences = comparison.differences(found, trigger.definition)
    is_earlier = bool(differences) and comparison.is_earlier(found, trigger)
    if differences and not is_earlier:
        return GuardOnRelation(trigger, relation, is_root, "changed", tuple(differences))
    is_outdated = is_earlier or (is_root and found.comment != trigger.digest)
    return GuardOnRelation(trigger, relation, is_root, "enabled", is_outdated=is_outdated)


def _missing(group: Sequence[GuardOnRelation]) -> Problem:
    first, trigger = group[0], group[0].trigger
    mend = f"{MIGRATE} (if nothing is left to migrate: {PGTRIGGER} install {trigger.uri})"
    if not first.is_root:
        mend = f"{_create(first)}; in psql{_for_each(group)}"
    sentence = f"The guard trigger {trigger.short_name} is missing on {_names(group)}"
    return Problem("token_rotation.E003", sentence, mend)


def _disabled(group: Sequence[GuardOnRelation]) -> Problem:
    first, trigger = group[0], group[0].trigger
    mend = f"{PGTRIGGER} enable {trigger.uri}"
    if not first.is_root:
        enable = f"ALTER TABLE {first.relation.name} ENABLE TRIGGER {trigger.name}"
        mend = f"{enable}; in psql{_for_each(group)}"
    sentence = f"The guard trigger {trigger.short_name} is disabled on {_names(group)}"
    return Problem("token_rotation.E004", sentence, mend)


def _changed(group: Sequence[GuardOnRelation]) -> Problem:
    first, trigger = group[0], group[0].trigger
    of_library = [each for each in first.differences if each.endswith(tuple(MADE_BY))]
    mend = _reinstall(trigger)
    if of_library:
        app, before = FUNCTIONS_AGAIN
        also = f", and then: {mend}" if len(of_library) < len(first.differences) else ""
        mend = f"{MIGRATE} {app} {before}, and then: {MIGRATE} {app}{also}"
    elif not first.is_root and not first.relation.is_partition:
        drop = f"DROP TRIGGER {trigger.name} ON {first.relation.name}"
        mend = f"BEGIN; {drop}; {_create(first)}; COMMIT; in psql{_for_each(group)}"
    sentence = (
        f"The guard trigger {trigger.short_name} on {_names(group)} does not do what the model "
        f"says: {', '.join(first.differences)} differs, so leaked tokens may come back"
    )
    return Problem("token_rotation.E030", sentence, mend)


_PROBLEMS = {"missing": _missing, "disabled": _disabled, "changed": _changed}


def _afterwards(target: Target) -> str:
    every_row = f"{target.whole_command} --issued-before now"
    return f"Then, because tokens written meanwhile may be leaked ones: {every_row}"


def _reinstall(trigger: GuardTrigger) -> str:
    return f"{MIGRATE} (if nothing is left to migrate: {PGTRIGGER} install {trigger.uri})"


def _create(guard: GuardOnRelation) -> str:
    return guard.trigger.definition.statement(guard.trigger.name, guard.relation.name)


def _names(group: Sequence[GuardOnRelation]) -> str:
    names = [each.relation.name for each in group]
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"{', '.join(names[:_MOST_NAMES])}{more}"


def _for_each(group: Sequence[GuardOnRelation]) -> str:
    return ", and the same for each of them" if len(group) > 1 else ""
