"""Compare a trigger that the database has with a declared one."""

from __future__ import annotations

from collections.abc import Iterator

from token_rotation.inspection.triggers.conditions import Conditions
from token_rotation.inspection.triggers.functions import read_functions
from token_rotation.inspection.triggers.tree import FoundTrigger
from token_rotation.postgres.connection import Connection
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.selection.target import GuardTrigger
from token_rotation.selection.trigger_definition import FunctionDefinition, TriggerDefinition
from token_rotation.sql.server import tree as tree_sql


class Comparison:
    """Comparisons of triggers with their definitions, on one table."""

    def __init__(self, connection: Connection, target: MarkedTable) -> None:
        self._connection = connection
        self._conditions = Conditions(connection, target)
        self._helpers: dict[str, FunctionDefinition | None] = {}

    def differences(self, found: FoundTrigger, declared: TriggerDefinition) -> list[str]:
        """Say in what a trigger differs from a definition.

        Empty where it does the same. Driver errors pass through.
        """
        return [*self._in_function(found, declared), *self._in_trigger(found, declared)]

    def is_earlier(self, found: FoundTrigger, trigger: GuardTrigger) -> bool:
        """Return True if a migration of the project made it what it is."""
        return any(not self.differences(found, each) for each in trigger.earlier())

    def _in_function(self, found: FoundTrigger, declared: TriggerDefinition) -> Iterator[str]:
        function = found.function
        if function.signature != _bare(declared.function):
            yield f"its function, {function.signature},"
            return
        if not _same_code(function, declared.function):
            yield "the body of its function"
        if function.is_security_definer != declared.function.is_security_definer:
            yield "SECURITY DEFINER of its function"
        if _normal(function.settings) != _normal(declared.function.settings):
            yield "SET of its function"
        for versions in declared.helpers:
            stored = self._helper(versions[0].signature)
            if stored is None or not any(_same_code(stored, each) for each in versions):
                yield f"the function {_bare(versions[0])}"

    def _in_trigger(self, found: FoundTrigger, declared: TriggerDefinition) -> Iterator[str]:
        shape = (found.timing, found.events, found.level)
        is_bound = found.is_of_columns or bool(found.arguments)
        if shape != (declared.timing, declared.events, declared.level) or is_bound:
            yield f"when it fires ({found.timing} {' OR '.join(sorted(found.events))})"
        # The condition of a copy is that of the parent's trigger.
        if not found.is_copy and not self._conditions.agree(found.condition, declared.condition):
            yield "its WHEN"

    def _helper(self, signature: str) -> FunctionDefinition | None:
        if signature not in self._helpers:
            oid = self._connection.value(tree_sql.function_named(), {"signature": signature})
            read = read_functions(self._connection, [] if oid is None else [oid])
            self._helpers[signature] = read.get(oid)
        return self._helpers[signature]


def _same_code(found: FunctionDefinition, declared: FunctionDefinition) -> bool:
    return (found.language, _lines(found)) == (declared.language, _lines(declared))


def _lines(function: FunctionDefinition) -> list[str]:
    """Return the body's lines without their indentation.

    The lines stay apart: one that begins a comment must not swallow the next.
    """
    return [line.strip() for line in function.body.splitlines() if line.strip()]


def _bare(function: FunctionDefinition) -> str:
    return function.signature.partition("(")[0].rpartition(".")[2].strip('"')


def _normal(settings: tuple[str, ...]) -> set[str]:
    return {"".join(setting.split()).replace('"', "").replace("'", "") for setting in settings}
