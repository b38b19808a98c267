"""What pip installs: the library, whole, and nothing of the ticket site."""

import re
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser

import pytest
from trove_classifiers import classifiers

from tests.support.manage import PROJECT
from tests.support.wheel import build_wheel
from token_rotation import __version__

PACKAGE = PROJECT / "token_rotation"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return zipfile.ZipFile(build_wheel(tmp_path_factory.mktemp("wheel")))


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
    assert "Framework :: Django :: 5.2" in named
    assert set(metadata.get_all("Provides-Extra", [])) == {
        "binary",
        "celery",
        "metrics",
        "page",
        "psycopg2",
    }


def test_the_version_stands_in_one_place(metadata: Message) -> None:
    """The changelog begins with it; every other place asks for it."""
    assert metadata["Version"] == __version__
    newest = re.search(r"^## (\S+)", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == __version__


def test_what_it_requires_is_required_in_the_same_versions_here() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    lines = (PROJECT / "requirements.txt").read_text().splitlines()
    lines += (PROJECT / "requirements-celery.txt").read_text().splitlines()
    here = {line.partition("#")[0].strip() for line in lines}
    extras = project["optional-dependencies"]
    assert {*project["dependencies"], *extras["binary"]} <= here
    assert {*extras["page"], *extras["celery"], *extras["metrics"]} <= here
    assert extras["psycopg2"] == [each.replace("-binary", "") for each in extras["binary"]]
