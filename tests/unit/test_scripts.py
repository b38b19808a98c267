"""The scripts that set up and check, with stand-ins for the programs that they start."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.manage import PROJECT

STAND_IN = """#!/usr/bin/env bash
[ "$1" = -c ] && exit 0
echo "$(basename "$0") $*" >> "$STARTED"
case "$(basename "$0") $*" in "$FAILS"*) exit 1 ;; esac
"""
PROGRAMS = ("python", "ruff", "mypy", "lint-imports", "mkdocs", "uv")
CHECKS = [
    "ruff check .",
    "ruff format --check .",
    "mypy ",
    "lint-imports ",
    "mkdocs build --strict",
    "python scripts/sentences.py",
]


class Checkout:
    """A copy of the scripts beside an environment of stand-ins."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        shutil.copytree(PROJECT / "scripts", directory / "scripts")
        for lock in PROJECT.glob("requirements*.lock"):
            shutil.copy(lock, directory)
        for program in PROGRAMS:
            self._stand_in(directory / ".venv" / "bin" / program)
        self._stand_in(directory / "scripts" / "install_services")

    def run(self, script: str, *words: str, fails: str = "nothing") -> tuple[int, list[str]]:
        """The exit code, and what was started, without that of the installation of services."""
        started = self._directory / "started"
        started.write_text("")
        done = subprocess.run(
            [self._directory / "scripts" / script, *words],
            env={"PATH": os.environ["PATH"], "STARTED": str(started), "FAILS": fails},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        lines = started.read_text().splitlines()
        return done.returncode, [line for line in lines if line[:7] != "install"]

    def require(self, line: str) -> None:
        with (self._directory / "requirements.lock").open("a") as lock:
            lock.write(f"{line}\n")

    def _stand_in(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(STAND_IN)
        path.chmod(0o755)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


PIP = "python -m pip install --quiet --disable-pip-version-check --require-hashes"


def test_setup_installs_when_a_lock_has_changed_and_only_then(checkout: Checkout) -> None:
    assert checkout.run("setup", fails="python -m pip") == (1, [f"{PIP} -r requirements.lock"])
    assert checkout.run("setup") == (0, [f"{PIP} -r requirements.lock"])
    assert checkout.run("setup") == (0, [])
    assert checkout.run("setup", "dev") == (0, [f"{PIP} -r requirements-dev.lock"])
    assert checkout.run("setup", "dev") == (0, [])
    assert checkout.run("setup", "celery") == (0, [f"{PIP} -r requirements-celery.lock"])
    checkout.require("something-new")
    assert checkout.run("setup") == (0, [f"{PIP} -r requirements.lock"])
    assert checkout.run("setup", "else") == (2, [])


def test_lock_writes_every_lock_and_the_smaller_ones_are_parts_of_the_greatest(
    checkout: Checkout,
) -> None:
    code, started = checkout.run("lock", "--upgrade")
    assert code == 0
    written = [line.partition(" --output-file ")[2] for line in started]
    part = "--constraints requirements-dev.lock"
    assert written == [
        "requirements-dev.lock requirements-dev.txt --upgrade",
        f"requirements.lock requirements.txt {part}",
        f"requirements-celery.lock requirements.txt requirements-celery.txt {part}",
    ]
    assert all("--universal" in line and "--generate-hashes" in line for line in started)
    assert checkout.run("lock", fails="uv pip compile")[0] == 1


@pytest.mark.parametrize("fails", ["nothing", *CHECKS, "python -m py"])
def test_every_check_is_made_and_one_that_fails_is_told_by_the_exit_code(
    checkout: Checkout, fails: str
) -> None:
    checkout.run("setup", "dev")
    code, started = checkout.run("test", "tests/unit", "-x", fails=fails)
    assert code == (fails != "nothing")
    *checks, tests = started
    assert sorted(checks) == sorted(CHECKS)  # at the same time
    assert tests.startswith("python -m pytest ")
    assert tests.endswith(" tests/unit -x")


def test_pictures_are_made_by_the_test_that_takes_them(checkout: Checkout) -> None:
    checkout.run("setup", "dev")
    code, (started,) = checkout.run("screenshots")
    assert code == 0
    assert started.startswith("python -m pytest ")
    assert (PROJECT / started.rpartition(" ")[2]).exists()


def test_vendor_refuses_an_archive_that_is_not_the_pinned_one(tmp_path: Path) -> None:
    npm = tmp_path / "npm"
    npm.write_text('#!/usr/bin/env bash\necho other > "$4/other.tgz" && echo other.tgz\n')
    npm.chmod(0o755)
    vendored = PROJECT / "token_rotation" / "page" / "static" / "token_rotation" / "vendor"
    before = {path: path.read_bytes() for path in vendored.iterdir()}
    refused = subprocess.run(
        [PROJECT / "scripts" / "vendor"],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert refused.returncode == 1
    assert "is not what it was: its sha512 is " in refused.stderr
    assert {path: path.read_bytes() for path in vendored.iterdir()} == before
