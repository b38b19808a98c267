"""scripts/test-matrix counts what pytest says, and takes no programs but the pinned ones."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.manage import PROJECT
from token_rotation.checks.installed import NEWEST_DJANGO

REPORT = """<?xml version="1.0"?><testsuites><testsuite time="3.5" tests="4">
<testcase classname="tests.a" name="test_one" />
<testcase classname="tests.a" name="test_two"><failure>no</failure></testcase>
<testcase classname="tests.b" name="test_three"><skipped>no program</skipped></testcase>
<testcase classname="tests.b" name="test_four"><error>no server</error></testcase>
</testsuite></testsuites>"""


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """module(name) returns a module of the script, which is on no other path."""
    monkeypatch.syspath_prepend(f"{PROJECT / 'scripts'}")
    return lambda name: import_module(f"matrix.{name}")


def test_a_test_that_cannot_be_set_up_has_failed(
    module: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    counts = module("results").read_report(report)
    assert (counts.passed, counts.failed, counts.skipped) == (1, 2, 1)
    assert counts.failures == ("tests.a::test_two", "tests.b::test_four")
    assert (counts + counts).seconds == 7.0


def test_a_test_that_passes_alone_has_passed_and_is_named(
    module: Callable[[str], ModuleType],
) -> None:
    results = module("results")
    beside = results.Counts(5, 2, 1, ("a::one", "b::two"), 3.0)
    mended = beside.repaired(results.Counts(1, 1, 0, ("b::two",), 2.0))
    assert mended == results.Counts(6, 1, 1, ("b::two",), 5.0, ("a::one",))


def test_the_page_shows_the_stored_results(module: Callable[[str], ModuleType]) -> None:
    results = module("results")
    stored = results.load()
    assert results.page(stored) == results.PAGE.read_text()
    assert list(stored) == sorted(stored, key=results._place)
    assert [f"{cell}" for cell, result in stored.items() if result.failed] == []


def test_a_cell_without_a_result_has_a_row(module: Callable[[str], ModuleType]) -> None:
    results, cells = module("results"), module("cells")
    rows = [line for line in results.page({}).splitlines() if "no full run" in line]
    assert len(rows) == len(cells.CELLS)
    assert "| 18 | 6.1 | 3.13 | 3 | – | – | – | no full run | – |" in rows


def test_each_choice_names_its_cells(module: Callable[[str], ModuleType]) -> None:
    cells = module("cells")

    def named(*choice: list[str]) -> list[str]:
        return [f"{cell}" for cell in cells.chosen(*choice)]

    assert cells.chosen() == list(cells.CELLS)
    assert named(["14"]) == ["PostgreSQL 14, Django 5.2, Python 3.11"]
    assert named([], ["6.1"], ["3.13"]) == [
        "PostgreSQL 18, Django 6.1, Python 3.13",
        "PostgreSQL 18, Django 6.1, Python 3.13, psycopg 3",
    ]
    assert named([], ["6.0"], [], ["3"]) == ["PostgreSQL 18, Django 6.0, Python 3.12, psycopg 3"]
    assert named(["14"], [], ["3.11", "3.12"]) == [
        "PostgreSQL 14, Django 5.2, Python 3.11",
        "PostgreSQL 14, Django 6.0, Python 3.12, psycopg 3",
    ]
    assert named([], ["6.1"], ["3.11"]) == []


def test_what_is_declared_is_what_is_tested(module: Callable[[str], ModuleType]) -> None:
    cells = module("cells")
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    declared = "\n".join(project["classifiers"])
    assert set(cells.DJANGOS) == set(re.findall(r":: Django :: (\d\.\d)", declared))
    assert set(cells.PYTHONS) == set(re.findall(r":: Python :: (3\.\d+)", declared))
    assert ".".join(map(str, NEWEST_DJANGO)) == cells.DJANGOS[-1]
    (locked,) = re.findall(
        r"^django==(\d\.\d)\.", (PROJECT / "requirements-dev.lock").read_text(), re.MULTILINE
    )
    assert cells.LOCKED.django == locked


def test_the_locked_pair_runs_what_a_server_decides_and_others_what_a_django_does(
    module: Callable[[str], ModuleType],
) -> None:
    cells, parts = module("cells"), module("testing").parts
    locked = parts(cells.Cell("14", cells.LOCKED))
    other = parts(cells.Cell("18", cells.PAIRS[-1]))
    assert ["tests/integration"] in locked
    assert ["tests/integration"] in other
    assert "server_versions" in locked[-1]
    assert "tests/unit" in other[0]


def test_the_locks_hold_but_for_django(module: Callable[[str], ModuleType]) -> None:
    lock = (
        "django==5.2.19 \\\n    --hash=sha256:00\n    # via x\n"
        "tzdata==2026.6 ; sys_platform == 'win32' \\\n    --hash=sha256:00\n"
        "django-htmx==1.29.0 \\\n    --hash=sha256:00\n"
    )
    assert module("environments").other_locks(lock) == (
        "tzdata==2026.6 ; sys_platform == 'win32'\ndjango-htmx==1.29.0\n"
    )


def test_the_environment_of_this_pair_is_this_one(module: Callable[[str], ModuleType]) -> None:
    environments = module("environments")
    assert environments.python_of(environments.running()) == Path(sys.executable)


def test_a_python_of_pyenv_comes_before_one_that_uv_finds(
    module: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYENV_ROOT", f"{tmp_path}")
    interpreter = module("environments").interpreter
    assert interpreter("3.13") == "3.13"
    for version in ("3.1.5", "3.13.2", "3.13.10", "3.13-dev", "3.12.1"):
        python = tmp_path / "versions" / version / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.touch()
    assert interpreter("3.13") == f"{tmp_path / 'versions' / '3.13.10' / 'bin' / 'python'}"


def test_an_environment_that_cannot_be_made_is_told(
    module: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv = tmp_path / "uv"
    uv.write_text('#!/usr/bin/env bash\necho "error: no Python" >&2; exit 2\n')
    uv.chmod(0o755)
    environments, cells = module("environments"), module("cells")
    monkeypatch.setattr(environments, "UV", uv)
    monkeypatch.setenv("XDG_CACHE_HOME", f"{tmp_path}")
    monkeypatch.setattr(environments, "running", lambda: None)
    with pytest.raises(environments.InstallError, match="error: no Python"):
        environments.python_of(cells.Pair("6.0", "3.12"))


@pytest.fixture
def npm(
    module: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    """The module of programs, with an npm that answers with another archive."""
    program = tmp_path / "npm"
    program.write_text('#!/usr/bin/env bash\necho other > "$4/other.tgz" && echo other.tgz\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}", prepend=":")
    monkeypatch.setenv("XDG_CACHE_HOME", f"{tmp_path / 'cache'}")
    programs = module("programs")
    monkeypatch.setattr(programs, "DEBIAN", tmp_path)
    return programs


def test_an_archive_that_is_not_the_pinned_one_is_refused(npm: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(npm.ProgramsError, match="is not what it was: its sha512 is "):
        npm.programs_of("14")
    assert npm.installed() == {}
    assert list((tmp_path / "cache" / "django-token-rotation").iterdir()) == []


def test_debians_programs_come_before_those_of_the_cache(npm: ModuleType, tmp_path: Path) -> None:
    for version in ("9.6", "15"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin" / "initdb").touch()
    assert npm.installed() == {"15": tmp_path / "15" / "bin"}
    assert npm.programs_of("15") == tmp_path / "15" / "bin"
    assert npm.programs_of("18") is None


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ("--versions 13", "'13'"),
        ("--django 4.2", "'4.2'"),
        (
            "--django 6.1 --python 3.11",
            "no Django of these is tested on a Python and a psycopg of these",
        ),
    ],
)
def test_versions_that_nobody_tests_are_refused(choice: str, said: str) -> None:
    refused = subprocess.run(
        [PROJECT / "scripts" / "test-matrix", *choice.split()],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert refused.returncode == 2
    assert said in refused.stderr


def test_versions_that_are_not_installed_are_named(
    npm: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["scripts/test-matrix", "--list-installed"])
    assert import_module("matrix.__main__").main() == 0
    listed, said = capsys.readouterr()
    assert (listed, npm.installed()) == ("", {})
    assert said.endswith("not installed, so not tested: 14, 15, 16, 17\n")


def test_a_python_that_cannot_be_had_is_named_in_one_line(
    module: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("PYENV_ROOT", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, f"{tmp_path}")
    monkeypatch.setattr(module("debian"), "_MIRROR", "file:///nowhere")
    environments = module("environments")
    with pytest.raises(environments.InstallError, match=r"^there is no Python 3\.14: apt-get .+$"):
        environments.interpreter("3.14")
    assert list((tmp_path / "django-token-rotation").iterdir()) == []
