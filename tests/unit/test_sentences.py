"""Sentences that are too long for somebody in a hurry are found."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.manage import PROJECT

WORDS = [f"word{n}" for n in range(30)]
LONG = " ".join(["One", *WORDS]) + "."


def checked(*pages: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "scripts/sentences.py", *map(str, pages)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_sentence_of_pages_and_help_texts_is_short_enough() -> None:
    found = checked()
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize(
    ("text", "too_long"),
    [
        (LONG, True),
        (" ".join(WORDS) + ".", False),
        (f"Short. {LONG} Short.", True),
        (LONG.replace("word3 ", "word3. And "), False),
        (f"| a | b |\n|---|---|\n| {LONG} | b |", True),
        (f"- {LONG}", True),
        (LONG.replace("word3 word4", "`code in words`"), False),
        (f"```\n{LONG}\n```", False),
        (f"    {LONG}", False),
    ],
)
def test_sentences_are_told_from_code_and_counted_by_words(
    text: str, tmp_path: Path, *, too_long: bool
) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    found = checked(page)
    assert found.returncode == too_long, found.stdout + found.stderr
    assert (f"{page}:" in found.stdout) == too_long
