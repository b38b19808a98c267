"""Read a table with its children and partitions, and what fires there."""

from __future__ import annotations

from dataclasses import dataclass

from token_rotation.inspection.triggers.functions import read_calls, read_functions
from token_rotation.inspection.triggers.table_writes import WritableName
from token_rotation.postgres.connection import Connection
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.selection.trigger_definition import FunctionDefinition
from token_rotation.sql.server import tree as tree_sql

_ROW, _BEFORE, _INSERT, _DELETE, _UPDATE, _TRUNCATE, _INSTEAD = (1 << bit for bit in range(7))
_EVENTS = {"INSERT": _INSERT, "UPDATE": _UPDATE, "DELETE": _DELETE, "TRUNCATE": _TRUNCATE}
_WHEN, _EXECUTE = " WHEN (", ") EXECUTE FUNCTION "


@dataclass(frozen=True, slots=True)
class Relation:
    """One table of the tree; ``name`` is as SQL writes it."""

    oid: int
    name: str
    kind: str
    is_partition: bool

    @property
    def holds_rows(self) -> bool:
        return self.kind != "p"

    @property
    def is_foreign(self) -> bool:
        return self.kind == "f"


@dataclass(frozen=True, slots=True)
class FoundTrigger:
    """A trigger that a relation has.

    ``is_copy``: PostgreSQL made it from the trigger of the partitioned parent. ``condition`` is
    that of its WHEN, None for none or where it is the parent's. ``calls`` are the functions that
    its own calls and that may write.
    """

    relation: Relation
    name: str
    mode: str
    kind: int
    is_copy: bool
    is_of_columns: bool
    arguments: str
    comment: str | None
    condition: str | None
    function_oid: int
    function: FunctionDefinition
    calls: tuple[FunctionDefinition, ...] = ()

    @property
    def fires(self) -> bool:
        """Return True if it fires in ordinary sessions."""
        return self.mode in {"O", "A"}

    @property
    def timing(self) -> str:
        if self.kind & _INSTEAD:
            return "INSTEAD OF"
        return "BEFORE" if self.kind & _BEFORE else "AFTER"

    @property
    def events(self) -> frozenset[str]:
        return frozenset(event for event, bit in _EVENTS.items() if self.kind & bit)

    @property
    def level(self) -> str:
        return "ROW" if self.kind & _ROW else "STATEMENT"


@dataclass(frozen=True, slots=True)
class Tree:
    """A table and what inherits from it, the table first, with their triggers.

    ``names`` are those by which statements may write their rows.
    """

    relations: tuple[Relation, ...]
    triggers: tuple[FoundTrigger, ...]
    names: tuple[WritableName, ...]

    @property
    def oids(self) -> list[int]:
        return [each.oid for each in self.relations]


def read_tree(connection: Connection, target: MarkedTable, *, with_conditions: bool) -> Tree:
    """Read the tree, with the triggers that people made.

    Without their conditions it waits for no lock. Driver errors pass through.
    """
    rows = connection.rows(tree_sql.relations(), {"table": target.table})
    relations = {oid: Relation(oid, *rest) for oid, *rest in rows}
    query = tree_sql.triggers(with_conditions=with_conditions)
    found = connection.rows(query, {"relations": list(relations)})
    functions = read_functions(connection, {oid for _, _, oid, *_ in found})
    calls = read_calls(connection, functions)
    names = connection.rows(tree_sql.writable_names(), {"relations": list(relations)})
    triggers = (
        FoundTrigger(
            relations[relation],
            name,
            mode,
            kind,
            is_copy,
            is_of_columns,
            arguments,
            comment,
            _condition(statement),
            function,
            functions[function],
            calls[function],
        )
        for (
            relation,
            _,
            function,
            name,
            mode,
            kind,
            is_copy,
            is_of_columns,
            arguments,
            comment,
            statement,
        ) in found
        if function in functions  # it was dropped between the two looks
    )
    named = tuple(WritableName(*row) for row in names)
    return Tree(tuple(relations.values()), tuple(triggers), named)


def _condition(statement: str | None) -> str | None:
    """Return the condition within a statement that creates a trigger."""
    if statement is None or _WHEN not in statement:
        return None
    return statement.partition(_WHEN)[2].rpartition(_EXECUTE)[0]
