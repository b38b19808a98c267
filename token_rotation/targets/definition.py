"""Read what a compiled trigger would create."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

from django.db.migrations import RunSQL
from pgtrigger.compiler import Trigger

from token_rotation import migrations as library_migrations
from token_rotation.inspection.disk_migrations import loaded_migrations
from token_rotation.selection.trigger_definition import FunctionDefinition, TriggerDefinition

_FUNCTION = re.compile(
    r"CREATE\s+(?:OR\s+REPLACE\s+)?FUNCTION\s+(?P<name>[^\s(]+)\s*\((?P<arguments>[^)]*)\)\s*"
    r"(?P<before>RETURNS\b.*?)\bAS\s+(?P<quote>\$\w*\$)(?P<body>.*?)(?P=quote)(?P<after>[^;]*)(?:;|$)",
    re.DOTALL | re.IGNORECASE,
)
_NAME = r'(?:"(?:[^"]|"")*"|[^\s"])+'
_TRIGGER = re.compile(
    rf"CREATE\s+(?:OR\s+REPLACE\s+)?TRIGGER\s+{_NAME}\s+"
    rf"(?P<timing>BEFORE|AFTER)\s+(?P<events>[\w\s]+?)\s+ON\s+{_NAME}\s+"
    r"FOR\s+EACH\s+(?P<level>ROW|STATEMENT)\s*(?:WHEN\s*\((?P<condition>.*)\))?\s*"
    r"EXECUTE\s+(?:PROCEDURE|FUNCTION)\s+(?P<function>[^\s(]+)\(\)\s*;",
    re.DOTALL | re.IGNORECASE,
)
_LANGUAGE = re.compile(r"\bLANGUAGE\s+'?(\w+)'?", re.IGNORECASE)
_DEFINER = re.compile(r"\bSECURITY\s+DEFINER\b", re.IGNORECASE)
_SETTING = re.compile(
    r"\bSET\s+(?P<name>[\w.]+)\s*(?:=|\bTO\b)\s*"
    r"(?P<value>.*?)(?=\s*(?:$|\bSET\b|\bLANGUAGE\b|\bSECURITY\b|\bAS\b))",
    re.DOTALL | re.IGNORECASE,
)


def definition_of(trigger: Trigger) -> TriggerDefinition:
    """Return what a compiled trigger creates.

    Raises ValueError for SQL in which it finds no trigger.
    """
    text = str(trigger.install_sql)
    functions = {found["name"]: _function(found) for found in _FUNCTION.finditer(text)}
    found = _TRIGGER.search(_FUNCTION.sub("", text))
    if found is None or found["function"] not in functions:
        raise ValueError(f"the SQL of the trigger {trigger.name} creates no trigger")
    function = functions.pop(found["function"])
    return TriggerDefinition(
        function,
        timing=found["timing"].upper(),
        events=frozenset(re.split(r"\s+OR\s+", found["events"].upper())),
        level=found["level"].upper(),
        condition=" ".join((found["condition"] or "").split()),
        helpers=(*((each,) for each in functions.values()), *_called_by(function)),
    )


def earlier_definitions(name: str) -> tuple[TriggerDefinition, ...]:
    """Return what the project's migrations created under a name.

    ``name`` is the trigger's in the database. Loads every migration, once; raises NotReadyError if
    that fails.
    """
    return tuple(definition_of(each) for each in _of_migrations() if each.sql.pgid == name)


def _called_by(function: FunctionDefinition) -> Iterator[tuple[FunctionDefinition, ...]]:
    """Return the library's functions that a body calls, in all their versions."""
    for name, versions in _library_functions().items():
        if re.search(rf"\b{name}\(", function.body):
            yield versions


@cache
def _library_functions() -> dict[str, tuple[FunctionDefinition, ...]]:
    found: dict[str, tuple[FunctionDefinition, ...]] = {}
    for module in pkgutil.iter_modules(library_migrations.__path__, "token_rotation.migrations."):
        for operation in import_module(module.name).Migration.operations:
            text = operation.sql if isinstance(operation, RunSQL) else ""
            for created in _FUNCTION.finditer(str(text)):
                found[created["name"]] = (*found.get(created["name"], ()), _function(created))
    return found


@cache
def _of_migrations() -> tuple[Trigger, ...]:
    migrations = loaded_migrations().disk_migrations.values()
    return tuple(each for migration in migrations for each in _triggers(migration.operations))


def _triggers(operations: Any) -> list[Trigger]:
    """Return the compiled triggers of operations, and of those within."""
    found = []
    for operation in operations:
        trigger = getattr(operation, "trigger", None)
        if isinstance(trigger, Trigger):
            found.append(trigger)
        for inner in ("operations", "database_operations"):
            found += _triggers(getattr(operation, inner, ()))
    return found


def _function(found: re.Match[str]) -> FunctionDefinition:
    options = f"{found['before']} {found['after']}"
    language = _LANGUAGE.search(options)
    types = ", ".join(each.split()[-1] for each in found["arguments"].split(",") if each.strip())
    return FunctionDefinition(
        signature=f"{found['name']}({types})",
        body=found["body"],
        language=language[1].lower() if language else "sql",
        is_security_definer=_DEFINER.search(options) is not None,
        settings=tuple(f"{each['name']}={each['value']}" for each in _SETTING.finditer(options)),
    )
