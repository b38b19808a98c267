"""The reference of operations says what the code does."""

import re
from pathlib import Path

from token_rotation.operations.lifecycle import EDGES, in_words
from token_rotation.operations.models import BatchOperation

PROJECT = Path(__file__).resolve().parents[3]
TEXT = (PROJECT / "docs" / "reference" / "operations.md").read_text()


def test_every_status_change_is_documented_and_no_other() -> None:
    section = TEXT.partition("## Status changes\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| .+`.+ \|$", section, re.MULTILINE)) == {
        f"| {in_words(before)} | {in_words(after)} | `{sentence.partition(':')[0]}` |"
        for (before, after), sentence in EDGES.items()
    }


def test_every_field_is_documented() -> None:
    for field in BatchOperation._meta.get_fields():
        assert f"`{field.name}`" in TEXT, field.name


def test_every_method_and_guarantee_names_its_test() -> None:
    """That the tests are there, tests/unit/test_pages.py looks."""
    _, _, tables = TEXT.partition("## Methods")
    rows = [row for row in re.findall(r"^\| .+ \|$", tables, re.MULTILINE) if "| test |" not in row]
    assert len(rows) > 10
    assert [row for row in rows if not re.search(r"`test_\w+` \|$", row)] == []
