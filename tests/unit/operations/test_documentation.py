"""docs/batch.md says what the code does."""

import ast
import re
from pathlib import Path

import pytest

from token_rotation.operations.lifecycle import EDGES, in_words
from token_rotation.operations.models import BatchOperation

PROJECT = Path(__file__).resolve().parents[3]
TEXT = (PROJECT / "docs" / "batch.md").read_text()
REFERENCES = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)


def test_every_status_change_is_documented_word_for_word() -> None:
    for (before, after), sentence in EDGES.items():
        method, _, why = sentence.partition(": ")
        row = f"| {in_words(before)} | {in_words(after)} | `{method}` | {why} |"
        assert row in TEXT


def test_every_field_is_documented() -> None:
    for field in BatchOperation._meta.get_fields():
        assert f"`{field.name}`" in TEXT, field.name


@pytest.mark.parametrize(("path", "name"), REFERENCES)
def test_the_tests_that_are_pointed_at_exist(path: str, name: str) -> None:
    tree = ast.parse((PROJECT / path).read_text())
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_tests_are_pointed_at() -> None:
    assert len(REFERENCES) > 10
