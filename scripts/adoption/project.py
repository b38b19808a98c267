"""The Django project of one case, as django-admin makes it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from psycopg2.extensions import parse_dsn

from adoption.case import PROJECTS, Case

LONGEST_SECONDS = 300
_LEFT_OUT = ("DATABASE_", "DJANGO_", "PG", "PYTHON", "TICKETS_", "VIRTUAL_ENV")
_DATABASE = {
    "dbname": "NAME",
    "host": "HOST",
    "port": "PORT",
    "user": "USER",
    "password": "PASSWORD",
}
_SETTINGS = """
ROOT_URLCONF = "adoption.projects.{case}.urls"
INSTALLED_APPS += ["keys"]
DATABASES["default"] = {database!r}
"""


class StepError(Exception):
    """A command did not end as it must; the message has the last line of its output."""


class Project:
    """Its app ``keys`` is the one of docs/adopt/index.md. ``case`` says what else is installed."""

    def __init__(self, directory: Path, python: Path, case: Case, database_url: str) -> None:
        self.directory = directory
        self._python = python
        self._case = case
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_LEFT_OUT)}
        self._env = {**kept, "PYTHONPATH": f"{PROJECTS.parents[1]}"}
        self._start(parse_dsn(database_url))

    def _start(self, dsn: dict[str, str]) -> None:
        """Write the project as it was before the adoption."""
        self._run("-m", "django", "startproject", "shop", ".")
        self.manage("startapp", "keys")
        database = {key: dsn[name] for name, key in _DATABASE.items() if name in dsn}
        database["ENGINE"] = self._case.engine
        self.add_settings(_SETTINGS.format(case=self._case.folder.name, database=database))
        self.add_settings(self._case.settings())
        if (templates := self._case.folder / "templates").exists():
            self.add_settings(f'TEMPLATES[0]["DIRS"] = [{f"{templates}"!r}]')
        self.declare("before.py")

    def add_settings(self, text: str) -> None:
        with (self.directory / "shop" / "settings.py").open("a") as settings:
            settings.write(f"\n{text}\n")

    def declare(self, name: str) -> None:
        """Let a file of the case be the app's models, if there is one."""
        if (self._case.folder / name).exists():
            shutil.copy(self._case.folder / name, self.directory / "keys" / "models.py")

    def declare_nothing(self) -> None:
        (self.directory / "keys" / "models.py").write_text("")

    def manage(self, *words: str, ends_with: int | None = 0) -> str:
        """Return what a command says. Raises StepError for another exit code, unless it is None."""
        return self._run("manage.py", *words, ends_with=ends_with)

    def play(self, part: str) -> dict[str, Any]:
        """Play a part of ``projects/play.py`` in the project; return what it found."""
        found = self.directory / f"{part}.json"
        self._run("-m", "adoption.projects.play", self._case.folder.name, part, f"{found}")
        answer: dict[str, Any] = json.loads(found.read_text())
        return answer

    def _run(self, *words: str, ends_with: int | None = 0) -> str:
        command = " ".join(word for word in words if not word.startswith("/"))
        try:
            done = subprocess.run(
                (f"{self._python}", *words),
                cwd=self.directory,
                env=self._env,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=LONGEST_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise StepError(f"{command} took more than {LONGEST_SECONDS} s") from None
        said = done.stdout + done.stderr
        if ends_with is not None and done.returncode != ends_with:
            last = (said.strip() or "nothing").splitlines()[-1]
            raise StepError(f"{command} ended with {done.returncode}: {last}")
        return said
