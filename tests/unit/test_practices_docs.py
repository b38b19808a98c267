"""docs/practices.md points at lines that are there."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
USES = re.findall(
    r"\| `([\w/]+\.py)`: `([^`]+)` \|$", (PROJECT / "docs/practices.md").read_text(), re.MULTILINE
)


@pytest.mark.parametrize(("path", "line"), USES)
def test_the_line_that_uses_a_recipe_is_there(path: str, line: str) -> None:
    assert line in (PROJECT / path).read_text()


def test_each_recipe_names_its_line() -> None:
    rows = (PROJECT / "docs/practices.md").read_text().count("\n| ")
    headings = 2
    assert len(USES) == rows - headings
