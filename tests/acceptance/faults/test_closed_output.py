"""Standard output or standard error that was closed before the start is no error."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.manage import PROJECT
from tests.support.project import Project

COMMANDS = (
    "check",
    "help",
    "migrate",
    "rotate_tokens --help",
    "rotate_tokens",
    "seed_tickets --size 1",
)
CLOSED = (">&-", "2>&-", ">&- 2>&-")
DESCRIPTORS = """
import os
from django.db import connection
connection.ensure_connection()
for closed in (1, 2):
    assert os.readlink(f"/proc/self/fd/{closed}") == os.devnull
"""


def with_closed(
    closed: str, *words: str, env: dict[str, str], cwd: Path = PROJECT
) -> "subprocess.CompletedProcess[str]":
    """Run Python as a shell does that closes these."""
    return subprocess.run(
        ["bash", "-c", f'exec "$@" {closed}', "-", sys.executable, *words],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("closed", CLOSED)
def test_what_was_closed_at_the_start_is_no_error_in_any_command(
    database_url: str, closed: str
) -> None:
    env = {**os.environ, "DATABASE_URL": database_url}
    for command in COMMANDS:
        done = with_closed(closed, "manage.py", *command.split(), env=env)
        assert (done.returncode, done.stderr) == (0, ""), command
        assert bool(done.stdout) == (closed == "2>&-"), command


@pytest.mark.parametrize("closed", CLOSED)
def test_an_error_keeps_its_exit_code_where_nothing_can_be_said(closed: str) -> None:
    env = {**os.environ, "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing"}
    for command in ("migrate", "rotate_tokens", "rotate_tokens --no-such-option"):
        done = with_closed(closed, "manage.py", *command.split(), env=env)
        assert (done.returncode, done.stdout) == (1, ""), command
        assert len(done.stderr.splitlines()) == (closed == ">&-"), command


def test_the_connection_to_the_database_takes_no_closed_descriptor(database_url: str) -> None:
    env = {**os.environ, "DATABASE_URL": database_url}
    words = ("manage.py", "shell", "--no-imports", "-c", DESCRIPTORS)
    assert with_closed(">&- 2>&-", *words, env=env).returncode == 0


MODELS = """
from token_rotation.models import RotatingToken

class Key(RotatingToken):
    pass
"""


def test_the_librarys_commands_need_no_output_in_a_project_of_somebody_elses(
    tmp_path: Path, make_database: Callable[..., str]
) -> None:
    project = Project(tmp_path, make_database("zero"))
    project.models(MODELS)
    project.run_each("makemigrations", "migrate --verbosity 0")
    for command in ("rotate_tokens --help", "rotate_tokens", "makemigrations --check"):
        for closed in CLOSED:
            words = ("-m", "django", *command.split())
            done = with_closed(closed, *words, env=project.environment, cwd=tmp_path)
            assert (done.returncode, done.stderr) == (0, ""), command
            assert bool(done.stdout) == (closed == "2>&-"), command
