"""scripts/adoption-matrix shows what it found, and knows a fault from an end as expected."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.manage import PROJECT


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """module(name) returns a module of the script, which is on no other path."""
    monkeypatch.syspath_prepend(f"{PROJECT / 'scripts'}")
    return lambda name: import_module(f"adoption.{name}")


class Played:
    """Stands for a project; ``failed`` are the parts in which something is not so."""

    def __init__(self, directory: Path, failed: str = "", said: str = "") -> None:
        (directory / "keys").mkdir()
        self.directory = directory
        self.heard: list[str] = []
        self._failed = failed
        self._said = said

    def add_settings(self, text: str) -> None:
        self.heard.append("settings")

    def declare(self, name: str) -> None:
        self.heard.append(name)

    def declare_nothing(self) -> None:
        self.heard.append("nothing")

    def manage(self, *words: str, ends_with: int | None = 0) -> str:
        self.heard.append(f"{' '.join(words)} {ends_with}")
        return self._said

    def play(self, part: str) -> dict[str, Any]:
        self.heard.append(part)
        return {"failed": ["refuses"] if part == self._failed else [], "ran": ["POST issue"]}


def test_the_page_shows_the_stored_results(module: Callable[[str], ModuleType]) -> None:
    results = module("results")
    stored = results.load()
    assert results.page(stored) == results.PAGE.read_text()
    assert list(stored) == list(module("case").cases())
    wrong = {name: each.detail for name, each in stored.items() if each.outcome == "fault"}
    assert wrong == {}


def test_each_case_has_what_its_project_needs(module: Callable[[str], ModuleType]) -> None:
    for case in module("case").cases().values():
        files = {path.name for path in case.folder.iterdir()}
        assert {"models.py", "urls.py", "visitor.py"} <= files, case.name
        assert (case.ends == "refused") == bool(case.check), case.name
        compile(case.settings(), case.name, "exec")


def test_the_steps_are_those_of_the_page(module: Callable[[str], ModuleType]) -> None:
    documented = module("documented")
    for case in module("case").cases().values():
        assert "token_rotation" in documented.settings(case.page)
    assert documented.migration() == [
        *("makemigrations keys", "makemigrations keys --check", "migrate"),
        "check --database default",
    ]
    assert documented.removal() == ["makemigrations keys", "migrate"]


def test_a_story_rotates_uses_the_package_again_and_removes_the_guard(
    module: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    case = module("case").cases()["passwordreset"]
    project = Played(tmp_path)
    found = module("story").Story(case, project).tell()
    assert (found.faults, found.ran) == ([], ["POST issue"])
    order = ("leak", "models.py", "migrate 0", "rotate_tokens 0", "rotated", "removed")
    places = [project.heard.index(each, project.heard.index("leak")) for each in order]
    assert places == sorted(places)
    removal = ["nothing", "makemigrations keys 0", "migrate 0", "makemigrations keys --check 0"]
    assert project.heard[-6:] == ["rotate_tokens --report 0", *removal, "removed"]


def test_a_case_may_type_commands_in_its_own_way(module: Callable[[str], ModuleType]) -> None:
    tenants = module("case").cases()["tenants"]
    assert tenants.typed("migrate keys 0001") == ["migrate_schemas", "keys", "0001"]
    assert tenants.typed("makemigrations") == ["makemigrations"]


def test_what_is_not_so_is_a_fault(module: Callable[[str], ModuleType], tmp_path: Path) -> None:
    case = module("case").cases()["passwordreset"]
    found = module("story").Story(case, Played(tmp_path, failed="rotated")).tell()
    assert found.faults == ["rotated: not so: refuses"]


@pytest.mark.parametrize(("said", "faults"), [("(token_rotation.E017)", 0), ("no issues", 1)])
def test_a_refusal_must_have_the_expected_id(
    module: Callable[[str], ModuleType], tmp_path: Path, said: str, faults: int
) -> None:
    knox = module("case").cases()["knox"]
    case = replace(knox, ends="refused", check="token_rotation.E017")
    project = Played(tmp_path, said=said)
    found = module("story").Story(case, project).tell()
    assert len(found.faults) == faults
    assert project.heard[-1] == "instead"
