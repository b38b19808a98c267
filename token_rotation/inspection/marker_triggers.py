"""Find declared triggers that do not keep a marker truthful."""

from __future__ import annotations

from collections.abc import Iterator

from token_rotation.inspection.problem import MIGRATE, PGTRIGGER, Problem
from token_rotation.inspection.triggers.definitions import Comparison
from token_rotation.inspection.triggers.guard_triggers import GuardOnRelation, guard_on
from token_rotation.inspection.triggers.tree import read_tree
from token_rotation.postgres.connection import Connection
from token_rotation.selection.marked_table import MarkedTable

_UNLIKE = {"changed", "enabled"}


def marker_trigger_problems(
    connection: Connection, target: MarkedTable, *, so: str, then: str = ""
) -> Iterator[Problem]:
    """Yield a problem for each trigger of the target that does not do what the model says.

    ``so`` says what may be wrong therefore, ``then`` what to do once the trigger is back. Driver
    errors pass through.
    """
    tree = read_tree(connection, target, with_conditions=True)
    for each in guard_on(tree, target, Comparison(connection, target)):
        if each.state != "enabled" or each.is_outdated:
            yield _problem(each, so, then)


def _problem(found: GuardOnRelation, so: str, then: str) -> Problem:
    uri, name = found.trigger.uri, found.trigger.short_name
    state = "another than the model declares" if found.state in _UNLIKE else found.state
    mend = f"{PGTRIGGER} enable {uri}"
    if found.state != "disabled":
        mend = f"{MIGRATE} (if nothing is left to migrate: {PGTRIGGER} install {uri})"
    return Problem(
        "token_rotation.E003",
        f"The trigger {name} of {found.relation.name} is {state}, so {so}",
        f"{mend}. Then {then}" if then else mend,
    )
