"""Triggers and rules of somebody else that an UPDATE of a table meets."""

from __future__ import annotations

from token_rotation.inspection.triggers.tree import read_tree
from token_rotation.postgres.connection import Connection
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.sql.server import tree as tree_sql


def update_hooks(connection: Connection, target: MarkedTable) -> list[str]:
    """Return their names, each once. Driver errors pass through."""
    tree = read_tree(connection, target, with_conditions=False)
    guards = {trigger.name for trigger in target.guard_triggers}
    triggers = [
        f"{each.name} on {each.relation.name}"
        for each in tree.triggers
        if each.fires and not each.is_copy and "UPDATE" in each.events and each.name not in guards
    ]
    rules = connection.rows(tree_sql.rules(), {"relations": tree.oids})
    found = [*triggers, *(f"the rule {rule} on {relation}" for relation, rule, _ in rules)]
    return list(dict.fromkeys(found))
