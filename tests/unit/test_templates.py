"""Templates of this project hold nothing that the Content-Security-Policy forbids."""

import re
from pathlib import Path

import pytest

from tests.support.manage import PROJECT

TEMPLATES = sorted(
    path
    for house in ("token_rotation", "tickets")
    for path in (PROJECT / house).glob("**/templates/**/*.html")
)
FORBIDDEN = re.compile(
    r"<style|\sstyle\s*=|\son[a-z]+\s*=|javascript:|hx-on|<script(?![^>]*\b(?:src|type=\"application))",
    re.IGNORECASE,
)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_inline_script_or_style(template: Path) -> None:
    assert not FORBIDDEN.findall(template.read_text())
