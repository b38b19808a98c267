"""What git asks before a commit is what scripts/test asks, and a subject is short."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.support.manage import PROJECT

CONFIG = PROJECT / ".pre-commit-config.yaml"


def test_the_hooks_are_the_checks_of_the_tests() -> None:
    (local,) = YAML(typ="safe").load(CONFIG)["repos"]
    hooks = [hook["entry"] for hook in local["hooks"] if "stages" not in hook]
    script = (PROJECT / "scripts" / "test").read_text()
    (listed,) = re.findall(r"^checks=\((.+)\)$", script, re.MULTILINE)
    checks = shlex.split(listed)
    assert checks
    assert hooks == [
        check if check.startswith("scripts/") else f".venv/bin/{check}" for check in checks
    ]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "--quiet", directory], check=True)
    shutil.copy(CONFIG, directory)
    subprocess.run(["git", "add", CONFIG.name], cwd=directory, check=True)
    return directory


@pytest.mark.parametrize(
    ("message", "accepted"),
    [
        ("s" * 72, True),
        ("s" * 73, False),
        ("é" * 72, True),
        ("é" * 73, False),
        ("short\n\n" + "b" * 100, True),
    ],
)
def test_a_subject_of_more_than_72_characters_is_refused(
    repository: Path, message: str, *, accepted: bool
) -> None:
    file = repository / ".git" / "COMMIT_EDITMSG"
    file.write_text(f"{message}\n")
    run = ("run", "--hook-stage", "commit-msg", "--commit-msg-filename", str(file))
    # Not the variables of a git that runs these tests itself, as from a hook.
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", *run],
        cwd=repository,
        env={**env, "PRE_COMMIT_HOME": str(repository / ".git" / "pre-commit")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) == accepted, done.stdout + done.stderr
    assert "at most 72 characters" in done.stdout
