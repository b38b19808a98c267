"""Two releases of a project in one deploy: their servers' traffic, and rotations half done."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from subprocess import Popen
from typing import Any

from tests.support.leaked import value
from tests.support.manage import PROJECT
from tests.support.project import Project
from tests.support.releases import EARLIER_VERSION, install_earlier, install_this
from tests.support.waiting import until
from token_rotation import __version__

SHOP = PROJECT / "tests" / "projects" / "two_releases"
ROUNDS = "SELECT count(*) FROM shop_round WHERE version = %s"


class Deploy:
    """``old`` is the project's release with the library's earlier one, ``new`` that with this."""

    def __init__(self, directory: Path, url: str, tables: Any) -> None:
        self._directory = directory
        self._tables = tables
        self._started: list[Popen[str]] = []
        self._traffic: dict[str, Popen[str]] = {}
        self.old = self._project("old", url, install_earlier)
        self.new = self._project("new", url, install_this)

    def _project(self, name: str, url: str, install: Callable[[Path], Path]) -> Project:
        library = self._directory / f"library_{name}"
        library.mkdir()
        project = Project(self._directory / name, url, library=install(library))
        shutil.copytree(SHOP, project.directory / "shop", dirs_exist_ok=True)
        shutil.move(project.directory / "shop" / "traffic.py", project.directory)
        return project

    def write_new_release(self) -> None:
        """Give the new release the old one's migrations, and another format of one token."""
        shutil.copytree(self.old.migrations, self.new.migrations, dirs_exist_ok=True)
        models = self.new.directory / "shop" / "models.py"
        text = models.read_text()
        assert text.count("DIGITS = 32") == 1
        models.write_text(text.replace("DIGITS = 32", "DIGITS = 40"))

    def serve(self, project: Project, rows: int) -> None:
        """Start the traffic of a release; it has loaded its rows when this returns."""
        process = self._start(project, "traffic.py", str(rows))
        assert process.stdout is not None
        assert process.stdout.readline() == "loaded\n", process.communicate()
        self._traffic[EARLIER_VERSION if project is self.old else __version__] = process

    def whole_round(self) -> None:
        """Wait until each release has begun and ended a round of its traffic."""
        enough = {version: self._rounds(version) + 2 for version in self._traffic}
        for version, process in self._traffic.items():
            until(partial(self._has_ended_or, version, enough[version]))
            assert process.poll() is None, process.communicate()

    def rotate(self, project: Project, model: str) -> "Halted":
        """Start a rotation; it waits after its first batch when this returns."""
        gate = self._directory / f"gate_{model}"
        command = ("-m", "django", "rotate_tokens", model, "--batch-rows", "10")
        process = self._start(project, *command, GATE=str(gate))
        until(lambda: process.poll() is not None or gate.with_suffix(".reached").exists())
        assert process.poll() is None, process.communicate()
        return Halted(process, gate)

    def close(self) -> None:
        """End all traffic; fail if one of it has failed."""
        for process in self._traffic.values():
            _, errors = process.communicate(timeout=60)  # which closes its stdin
            assert process.returncode == 0, errors

    def kill(self) -> None:
        for process in self._started:
            process.kill()
            process.communicate()

    def _start(self, project: Project, *args: str, **variables: str) -> Popen[str]:
        self._started.append(project.start(*args, **variables))
        return self._started[-1]

    def _has_ended_or(self, version: str, rounds: int) -> bool:
        has_ended = self._traffic[version].poll() is not None
        return has_ended or self._rounds(version) >= rounds

    def _rounds(self, version: str) -> int:
        return int(value(self._tables, ROUNDS, version))


class Halted:
    """A rotation that waits at its gate."""

    def __init__(self, process: Popen[str], gate: Path) -> None:
        self._process = process
        self._gate = gate

    def go_on(self) -> tuple[int, str]:
        """Return the exit code, and the last line that it said."""
        self._gate.touch()
        said, errors = self._process.communicate(timeout=120)
        assert "Traceback" not in errors, errors
        return self._process.returncode, said.splitlines()[-1]
