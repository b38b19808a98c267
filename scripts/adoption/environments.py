"""A virtual environment for each package, with the library's wheel built from this checkout."""

from __future__ import annotations

import subprocess
import sys
import venv
from importlib.metadata import distributions
from pathlib import Path

from adoption.case import Case

PROJECT = Path(__file__).resolve().parents[2]
LIBRARY, DRIVER, FRAMEWORK = "django-token-rotation", "psycopg2-binary", "django"


class InstallationError(Exception):
    """pip refused; the message is its last line."""


class Environment:
    """The Python of one case's packages."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.python = directory / "bin" / "python"

    def install(self, case: Case, wheel: Path) -> None:
        """Install the newest versions and this wheel. Raises InstallationError."""
        if not self.python.exists():
            venv.create(self._directory, with_pip=True, symlinks=True)
        self._pip("--upgrade", case.package, *case.requires, DRIVER, f"{wheel}")
        self._pip("--force-reinstall", "--no-deps", f"{wheel}")  # its version may be the same

    def versions(self) -> dict[str, str]:
        """Return what is installed, by name in lower case."""
        places = [f"{place}" for place in self._directory.glob("lib/python*/site-packages")]
        return {each.name.lower(): each.version for each in distributions(path=places)}

    def _pip(self, *words: str) -> None:
        command = (f"{self.python}", "-m", "pip", "install", "--quiet", *words)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise InstallationError(done.stderr.strip().splitlines()[-1])


def build_wheel(directory: Path) -> Path:
    """Build the library's wheel into a directory."""
    command = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", f"{directory}")
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    (wheel,) = directory.glob("*.whl")
    return wheel
