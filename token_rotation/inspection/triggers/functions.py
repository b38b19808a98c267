"""Read functions of triggers, and those that they call."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from token_rotation.inspection.triggers.code import is_readable, read_code
from token_rotation.postgres.connection import Connection
from token_rotation.selection.trigger_definition import FunctionDefinition
from token_rotation.sql.server import tree as tree_sql

_CALL = re.compile(r'(?:"((?:[^"]|"")*)"|([\w$]+)) ?\(')


def read_functions(connection: Connection, oids: Iterable[int]) -> dict[int, FunctionDefinition]:
    """Read functions by their oids; their signatures are names alone."""
    rows = connection.rows(tree_sql.functions(), {"functions": sorted(oids)})
    return {
        oid: FunctionDefinition(name, body, language, is_definer, tuple(settings))
        for oid, name, body, language, is_definer, settings in rows
    }


def read_calls(
    connection: Connection, functions: Mapping[int, FunctionDefinition]
) -> dict[int, tuple[FunctionDefinition, ...]]:
    """Return what each function may call, at any depth: those that may write a table.

    They are told by name, so some may be others of that name.
    """
    known = dict(functions)
    named: dict[str, list[int]] = {}
    while asked := {name for each in known.values() for name in _called(each)} - named.keys():
        named |= {name: [] for name in asked}
        rows = connection.rows(tree_sql.functions_named(), {"names": sorted(asked)})
        for name, oid in rows:
            named.setdefault(name, []).append(oid)
        known |= read_functions(connection, {oid for _, oid in rows} - known.keys())
    return {oid: _reached(oid, known, named) for oid in functions}


def _reached(
    start: int, known: Mapping[int, FunctionDefinition], named: Mapping[str, list[int]]
) -> tuple[FunctionDefinition, ...]:
    reached, ahead = {start}, [start]
    while ahead:
        names = _called(known[ahead.pop()])
        found = {oid for name in names for oid in named[name] if oid in known} - reached
        reached |= found
        ahead += found
    return tuple(known[oid] for oid in sorted(reached - {start}))


def _called(function: FunctionDefinition) -> set[str]:
    if not is_readable(function.language):
        return set()
    calls = _CALL.findall(read_code(function.body).text)
    return {quoted.replace('""', '"') or bare.lower() for quoted, bare in calls}
