"""What pip installs: the reusable apps, whole, and nothing of the ticket application."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from tests.manage import PROJECT
from tickets.rotation import __version__

APPS = ("tickets/rotation/", "tickets/batch/")


def test_the_wheel_holds_both_apps_whole_and_nothing_of_the_ticket_application(
    tmp_path: Path,
) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=PROJECT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob(f"django_token_rotation-{__version__}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert {name for name in names if not name.startswith(APPS)} == {"tickets/__init__.py"}
    there = {
        path.relative_to(PROJECT).as_posix()
        for app in APPS
        for path in (PROJECT / app).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names - {"tickets/__init__.py"} == there


def test_what_it_requires_is_required_in_the_same_versions_here() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    here = set((PROJECT / "requirements.txt").read_text().splitlines())
    celery = (PROJECT / "requirements-celery.txt").read_text().splitlines()
    assert set(project["dependencies"]) <= here
    assert project["optional-dependencies"]["celery"] == [
        line for line in celery if line and not line.startswith("#")
    ]
