"""What pip installs: the library, whole, and nothing of the ticket site."""

import re
import subprocess
import sys
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from trove_classifiers import classifiers

from tests.support.manage import PROJECT
from tests.support.wheel import build_wheel
from token_rotation import __version__

PACKAGE = PROJECT / "token_rotation"


@pytest.fixture(scope="module")
def wheel_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def wheel(wheel_file: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(wheel_file)


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(wheel.read(name).decode())


def test_the_wheel_holds_the_library_whole_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == {
        path.relative_to(PROJECT).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "token_rotation/py.typed" in names


def test_the_wheel_says_what_an_adopter_looks_for(metadata: Message) -> None:
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Description"] or metadata.get_payload()
    named = metadata.get_all("Classifier", [])
    assert set(named) <= classifiers
    minors = {int(found) for found in re.findall(r":: 3\.(\d+)", "\n".join(named))}
    assert min(minors) == int(metadata["Requires-Python"].removeprefix(">=3."))
    assert set(metadata.get_all("Provides-Extra", [])) == {
        "binary",
        "celery",
        "intake",
        "metrics",
        "page",
        "psycopg",
        "psycopg2",
        "signed",
        "tasks",
    }


def test_the_version_stands_in_one_place(metadata: Message) -> None:
    """The changelog begins with it; every other place asks for it."""
    assert metadata["Version"] == __version__
    newest = re.search(r"^## (\S+)", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == __version__


def test_the_django_of_a_project_stays_and_no_driver_comes(metadata: Message) -> None:
    """Pip would put a Django within a bound in its place, and a second psycopg2 over the first."""
    required = [Requirement(each) for each in metadata.get_all("Requires-Dist", [])]
    unasked = {each.name: each.specifier for each in required if each.marker is None}
    assert set(unasked) == {"django", "django-pgtrigger", "tqdm"}
    for version in ("5.2.19", "6.0", "6.1.3", "6.2", "7.0"):
        assert unasked["django"].contains(version)
    assert not unasked["django"].contains("5.1")


@pytest.mark.parametrize("extras", ["", "[binary]", "[binary,celery,metrics,page]"])
def test_where_everything_is_installed_nothing_is_replaced(wheel_file: Path, extras: str) -> None:
    """The Django here is that of the environment, such as one of scripts/test-matrix."""
    uv = Path(sys.executable).with_name("uv")
    install = [uv, "pip", "install", "--dry-run", "--no-index", "--no-config"]
    done = subprocess.run(
        [*install, "--python", sys.executable, f"{wheel_file}{extras}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    changes = [line for line in done.stderr.splitlines() if line.startswith((" +", " -", " ~"))]
    assert [change.split("==")[0].split()[:2] for change in changes] == [
        ["+", "django-token-rotation"]
    ], done.stderr


def test_what_it_requires_is_required_in_the_same_versions_here() -> None:
    """But Django: the ticket site stays on one release."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    lines = (PROJECT / "requirements.txt").read_text().splitlines()
    lines += (PROJECT / "requirements-celery.txt").read_text().splitlines()
    here = {line.partition("#")[0].strip() for line in lines}
    extras = project["optional-dependencies"]
    assert "Django>=5.2,<5.3" in here
    assert {*project["dependencies"], *extras["binary"]} - here == {"Django>=5.2"}
    assert {*extras["page"], *extras["celery"], *extras["metrics"]} <= here
    assert extras["psycopg2"] == [each.replace("-binary", "") for each in extras["binary"]]
