"""What pip installs: the library, whole, and nothing of the ticket site."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from tests.support.manage import PROJECT
from token_rotation import __version__

PACKAGE = PROJECT / "token_rotation"


def test_the_wheel_holds_the_library_whole_and_nothing_else(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=PROJECT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob(f"django_token_rotation-{__version__}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == {
        path.relative_to(PROJECT).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_what_it_requires_is_required_in_the_same_versions_here() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    here = set((PROJECT / "requirements.txt").read_text().splitlines())
    celery = (PROJECT / "requirements-celery.txt").read_text().splitlines()
    assert set(project["dependencies"]) <= here
    assert project["optional-dependencies"]["celery"] == [
        line for line in celery if line and not line.startswith("#")
    ]
