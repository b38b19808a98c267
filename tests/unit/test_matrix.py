"""scripts/test-matrix counts what pytest says, and takes no programs but the pinned ones."""

import subprocess
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.manage import PROJECT

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
    from matrix import programs, results, versions  # noqa: PLC0415

    return {"programs": programs, "results": results, "versions": versions}.__getitem__


def test_a_test_that_cannot_be_set_up_has_failed(
    module: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    counts = module("results").read_report(report)
    assert (counts.passed, counts.failed, counts.skipped) == (1, 2, 1)
    assert counts.failures == ("tests.a::test_two", "tests.b::test_four")
    assert (counts + counts).seconds == 7.0


def test_the_page_shows_the_stored_results(module: Callable[[str], ModuleType]) -> None:
    results = module("results")
    stored = results.load()
    assert results.page(stored) == results.PAGE.read_text()
    versions = module("versions").VERSIONS
    assert list(stored) == [version for version in versions if version in stored]
    assert [version for version, result in stored.items() if result.failed] == []


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


def test_a_version_that_nobody_tests_is_refused() -> None:
    refused = subprocess.run(
        [PROJECT / "scripts" / "test-matrix", "--versions", "13"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert refused.returncode == 2
    assert "'13'" in refused.stderr


def test_versions_that_are_not_installed_are_named(
    npm: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["scripts/test-matrix", "--list-installed"])
    assert import_module("matrix.__main__").main() == 0
    listed, said = capsys.readouterr()
    assert (listed, npm.installed()) == ("", {})
    assert said.endswith("not installed, so not tested: 14, 15, 16, 17\n")
