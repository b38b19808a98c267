"""The settings that the code reads, and what they are when nobody sets them."""

import ast
import os
import runpy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import environs

from tests.support.manage import PROJECT

HOUSES = (PROJECT / "token_rotation", PROJECT / "tickets")
SETTINGS = PROJECT / "tickets" / "config" / "settings.py"
# Read by gunicorn's module and by Django before there are settings.
OF_OTHERS = {"DJANGO_SETTINGS_MODULE", "PGOPTIONS"}


@cache
def variables(**environment: str) -> dict[str, Any]:
    """What settings.py reads from the environment, with the values that it gets there.

    An empty environment is that of somebody who has set nothing.
    """
    read: dict[str, Any] = {}

    class Recording(environs.Env):
        def __getattribute__(self, name: str) -> Any:
            found = super().__getattribute__(name)
            if name not in {"str", "int", "bool", "list", "float"}:
                return found

            def record(variable: str, **how: Any) -> Any:
                read[variable] = found(variable, **how)
                return read[variable]

            return record

    with (
        patch.dict(os.environ, environment, clear=True),
        patch.object(environs, "Env", Recording),
    ):
        runpy.run_path(str(SETTINGS))
    return read


@cache
def settings_read() -> dict[str, Any]:
    """The Django settings that the apps look up by name, with their defaults.

    ``getattr(settings, NAME, default)``, and functions like it that are given name and number.
    """
    found: dict[str, Any] = {}
    for call in _calls():
        match call:
            case ast.Call(args=[ast.Name("settings"), ast.Constant(str(name)), default]):
                found[name] = ast.literal_eval(default)
            case ast.Call(args=[ast.Constant(str(name)), ast.Constant(int() | float() as default)]):
                if name.isupper():
                    found[name] = default
    return found


def environment_read() -> set[str]:
    """Every variable that is read from ``os.environ`` itself."""
    found = set()
    for node in _nodes():
        match node:
            case ast.Subscript(value=ast.Attribute(attr="environ"), slice=ast.Constant(str(name))):
                found.add(name)
            case ast.Call(
                func=ast.Attribute(value=ast.Attribute(attr="environ")),
                args=[ast.Constant(str(name)), *_],
            ):
                found.add(name)
            case ast.Call(func=ast.Attribute(attr="getenv"), args=[ast.Constant(str(name)), *_]):
                found.add(name)
    return found - OF_OTHERS


def _calls() -> Iterator[ast.Call]:
    return (node for node in _nodes() if isinstance(node, ast.Call))


def _nodes() -> Iterator[ast.AST]:
    for path in sources():
        yield from ast.walk(ast.parse(path.read_text()))


def sources() -> list[Path]:
    return sorted(path for house in HOUSES for path in house.rglob("*.py"))
