"""The page of practices points at code and tests that exist."""

import ast
import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
TEXT = (PROJECT / "docs" / "explanation" / "practices.md").read_text()
USES = re.findall(r"\| `([\w/]+\.py)`: `([^`]+)` \|$", TEXT, re.MULTILINE)
REFERENCES = sorted(set(re.findall(r"`([\w/]+\.py)::([\w.]+)`", TEXT)))


def names(tree: ast.AST, prefix: str = "") -> set[str]:
    """Functions and classes, the methods with their class in front."""
    found = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found |= {prefix + node.name, *names(node, f"{prefix}{node.name}.")}
    return found


@pytest.mark.parametrize(("path", "name"), REFERENCES)
def test_what_is_pointed_at_exists(path: str, name: str) -> None:
    assert name in names(ast.parse((PROJECT / path).read_text()))


def test_practices_point_at_code_and_at_tests() -> None:
    """That the tests are there, tests/unit/test_pages.py looks."""
    assert {path.partition("/")[0] for path, _ in REFERENCES} == {"tickets", "token_rotation"}
    assert len(re.findall(r"`test_\w+`", TEXT)) > 10


@pytest.mark.parametrize(("path", "line"), USES)
def test_the_line_that_uses_a_recipe_for_tasks_is_there(path: str, line: str) -> None:
    assert line in (PROJECT / path).read_text()


def test_each_recipe_for_tasks_names_its_line_or_its_function() -> None:
    section = TEXT[TEXT.index("## Celery tasks") :]
    functions = re.findall(r"\| `[\w/]+\.py::[\w.]+` \|$", section, re.MULTILINE)
    heading = 1
    assert len(USES) + len(functions) == section.count("\n| ") - heading > 0
