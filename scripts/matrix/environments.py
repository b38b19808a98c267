"""The environment of a pair: the project's own, or one that is made for it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import django

from matrix.cells import Pair
from matrix.debian import SUITES, UV, NoPythonError, debians_python
from matrix.programs import cache

PROJECT = Path(__file__).resolve().parents[2]
PSYCOPG_3 = "psycopg[binary,pool]>=3.2,<4"
"""Beside psycopg2, which the ticket site needs; Django prefers this one."""

_LOCKED = re.compile(r"^([a-z0-9-]+)(==[^\\\n]+?) \\$", re.MULTILINE)


class InstallError(Exception):
    """There is no environment of a pair; the message says why."""


def python_of(pair: Pair) -> Path:
    """Return the Python of an environment with this pair, and all else as it is locked.

    Makes the environment, and takes the newest patch of Django. Raises InstallError.
    """
    if pair == running():
        return Path(sys.executable)
    driver = "" if pair.psycopg == "2" else f"-psycopg-{pair.psycopg}"
    place = cache() / "environments" / f"django-{pair.django}-python-{pair.python}{driver}"
    python = place / "bin" / "python"
    if not python.exists():
        _uv("venv", "--quiet", "--seed", "--python", interpreter(pair.python), f"{place}")
    _install(pair, python)
    return python


def running() -> Pair:
    """Return the pair that this process runs on."""
    major, minor = sys.version_info[:2]
    psycopg = "2" if find_spec("psycopg") is None else "3"
    return Pair(".".join(map(str, django.VERSION[:2])), f"{major}.{minor}", psycopg)


def interpreter(version: str) -> str:
    """Return pyenv's newest Python of a version, or Debian's, or the version, for uv to find.

    uv gives up at pyenv's shim of a version that is installed and not chosen. Raises InstallError.
    """
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = sorted(root.glob(f"versions/{version}.*/bin/python"), key=_patch)
    if found:
        return f"{found[-1]}"
    if version not in SUITES:
        return version
    try:
        return f"{debians_python(version)}"
    except NoPythonError as error:
        raise InstallError(f"there is no Python {version}: {error}") from None


def _patch(python: Path) -> int:
    return int("".join(filter(str.isdigit, python.parts[-3].split(".")[2])) or 0)


def other_locks(lock: str) -> str:
    """Return a lock's versions, without those of Django and without hashes."""
    return "".join(
        f"{name}{version}\n" for name, version in _LOCKED.findall(lock) if name != "django"
    )


def _install(pair: Pair, python: Path) -> None:
    with tempfile.TemporaryDirectory() as directory:
        locked, instead = Path(directory) / "locked.txt", Path(directory) / "instead.txt"
        locked.write_text(other_locks((PROJECT / "requirements-dev.lock").read_text()))
        # The ticket site asks for its own Django. The library takes any of the pairs.
        instead.write_text(f"Django=={pair.django}.*\n")
        _uv(
            *("pip", "install", "--quiet", "--python", f"{python}"),
            *("--requirements", f"{PROJECT / 'requirements-dev.txt'}"),
            *("--constraints", f"{locked}", "--overrides", f"{instead}"),
            *("--upgrade-package", "Django"),
            *([PSYCOPG_3] if pair.psycopg == "3" else []),
        )


def _uv(*words: str) -> None:
    done = subprocess.run([UV, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("error:")]
        raise InstallError(said[-1] if said else done.stderr.strip())
