"""The demo keeps its own promises, and leaves everything else alone."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.support.manage import PROJECT

# Headings, commands and proofs: what the README shows of a demo, but for figures.
PLAYED = re.compile(r"=== \d\. |\$ manage\.py |.+ ok$")


def shape(line: str) -> str:
    return " ".join(re.sub(r"\d[\d,]*", "N", line).split())


@pytest.fixture
def killed_very_early() -> Iterator[Path]:
    """What a demo leaves that is killed before it has a server."""
    (PROJECT / "var").mkdir(exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="demo-", dir=PROJECT / "var"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


def demo(*args: str) -> CompletedProcess[str]:
    # An unusable DATABASE_URL: the demo must not touch the user's database.
    return subprocess.run(
        [sys.executable, str(PROJECT / "scripts" / "demo_story.py"), *args],
        env={**os.environ, "DATABASE_URL": "postgres://user@host.invalid/theirs"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_the_demo_kills_a_rotation_resumes_it_and_proves_the_result(
    killed_very_early: Path,
) -> None:
    result = demo("2000")
    assert not killed_very_early.exists()
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    proven = {" ".join(line.split()) for line in result.stdout.splitlines()}
    assert proven >= {
        "leaked tokens still valid: 0 ok",
        "tokens unique: 2,000 ok",
        "rows rotated before the kill and again after it: 0 ok",
    }
    assert "WRONG" not in result.stdout
    shown = [
        line for line in (PROJECT / "README.md").read_text().splitlines() if PLAYED.match(line)
    ]
    assert {shape(line) for line in shown} == {
        shape(line) for line in result.stdout.splitlines() if PLAYED.match(line)
    }
    killed = next(line for line in result.stdout.splitlines() if line.startswith("Killed with"))
    assert 1000 <= int(killed.split()[2].replace(",", "")) < 2000


@pytest.mark.parametrize("size", ["0", "-5", "99", "many"])
def test_the_demo_refuses_a_size_it_cannot_play(size: str) -> None:
    result = demo("--", size)
    assert result.returncode == 2
    assert "is not a number of at least 100" in result.stderr
    assert "Traceback" not in result.stderr
