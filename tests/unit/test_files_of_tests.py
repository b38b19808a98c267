"""Files of tests stand alone: what two of them share is in tests/support or in a conftest.py."""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
FILES = sorted(TESTS.rglob("*.py"))


def imported(text: str) -> Iterator[str]:
    """Yield each module that a file takes names from, and each name as if it were a module."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def of_tests(text: str) -> list[str]:
    return [
        name
        for name in imported(text)
        if name.startswith("tests.") and any(part.startswith("test_") for part in name.split("."))
    ]


def test_no_file_takes_anything_from_a_file_of_tests() -> None:
    """Such a name, moved or renamed, would keep the whole suite from being collected."""
    found = {f"{path.relative_to(TESTS)}": of_tests(path.read_text()) for path in FILES}
    assert len(found) > 300
    assert {name: taken for name, taken in found.items() if taken} == {}


def test_such_an_import_would_be_found() -> None:
    assert of_tests("from tests.unit.test_stop import name") == ["tests.unit.test_stop.name"]
    assert of_tests("from tests.unit import test_stop") == ["tests.unit.test_stop"]
    assert of_tests("import tests.unit.test_stop") == ["tests.unit.test_stop"]
