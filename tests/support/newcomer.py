"""A person who follows the pages with a shell, in an empty directory."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.driver import parse_dsn
from tests.support.manage import PROJECT

TUTORIAL = PROJECT / "docs" / "tutorial" / "new-project.md"
ADOPT = PROJECT / "docs" / "adopt" / "index.md"
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Newcomer:
    """``installs`` is what pip is told to install, as the page's ``$DJANGO_TOKEN_ROTATION``."""

    def __init__(self, directory: Path, database_url: str, *, installs: Path) -> None:
        self._directory = directory
        dsn = parse_dsn(database_url)
        names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE"}
        self._env = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            **{name: value for name, value in os.environ.items() if name.startswith("PIP_")},
            **{variable: dsn[name] for name, variable in names.items() if name in dsn},
            "PGPASSWORD": dsn.get("password", ""),
            "DJANGO_TOKEN_ROTATION": str(installs),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_COMPILE": "1",  # of all of Django; Python compiles what it imports
        }

    def follow(self, page: str) -> None:
        for kind, block in BLOCK.findall(page):
            if kind == "python":
                self._write(block)
            else:
                commands = [line[2:] for line in block.splitlines() if line.startswith("$ ")]
                self.type("\n".join(commands))

    def _write(self, block: str) -> None:
        heading, _, text = block.partition("\n")
        name, _, at_its_end = heading.removeprefix("# ").partition(", ")
        self.write(name, text, at_its_end=bool(at_its_end))

    def write(self, name: str, text: str, *, at_its_end: bool = False) -> None:
        path = self._directory / name
        path.write_text((path.read_text() + "\n" if at_its_end else "") + text)

    def type(self, commands: str) -> str:
        done = subprocess.run(
            ["bash", "-ec", self._in_the_environment(commands)],
            cwd=self._directory,
            env=self._env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        if done.returncode and "pip install" in commands and not _an_index_answers():
            pytest.skip("no package index answers, and pip has not all that the page installs")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-ec", self._in_the_environment(f"exec {command}")],
            cwd=self._directory,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )

    def _in_the_environment(self, commands: str) -> str:
        activate = self._directory / ".venv" / "bin" / "activate"
        return f". {activate}\n{commands}" if activate.exists() else commands


def _an_index_answers() -> bool:
    ask = [sys.executable, "-m", "pip", "--retries=0", "index", "versions", "Django"]
    return subprocess.run(ask, capture_output=True, check=False).returncode == 0
