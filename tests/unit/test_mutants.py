"""scripts/mutants changes what it says, and nothing that no test could notice."""

import tomllib
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
MODULE = '''
"""A docstring: WHERE a <= b AND c IS NULL."""
LIMIT = 100


def find(*, rows: int | None = 3) -> object:
    """ORDER BY id FOR UPDATE."""
    if rows is None:
        raise ValueError("id IS NULL")
    self.rows = max(1, rows)
    return SQL("SELECT {key} FROM {table} WHERE {pending} AND {key} <= %(upper)s "
               "ORDER BY {key} LIMIT 5 FOR UPDATE SKIP LOCKED")
'''


@pytest.fixture
def changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str]]:
    """What every mutant of the module has in the place of what."""
    monkeypatch.syspath_prepend(f"{SCRIPTS}")
    from mutation.mutants import mutants_of  # noqa: PLC0415  (on no other path)
    from mutation.rooms import Room  # noqa: PLC0415

    (tmp_path / "module.py").write_text(MODULE)
    room = Room("room", ("module.py",), ("python", "sql"))
    return {
        (mutant.operator.partition("/")[2], mutant.after)
        for mutant in mutants_of(tmp_path, room, "module.py")
    }


def test_sql_is_changed_within_its_strings(changed: set[tuple[str, str]]) -> None:
    where = '"SELECT {key} FROM {table} WHERE {pending} AND {key} <= %(upper)s "'
    order = '"ORDER BY {key} LIMIT 5 FOR UPDATE SKIP LOCKED"'
    lines = {after.removeprefix("return SQL(").removesuffix(")") for _, after in changed}
    assert lines >= {
        where.replace("<=", "<"),
        where.replace("<=", ">"),
        where.replace("AND", "OR"),
        where.replace(" AND {key} <= %(upper)s", ""),
        where.replace("{pending} AND ", ""),
        order.replace("ORDER BY {key}", ""),
        order.replace("{key}", "{key} DESC"),
        order.replace(" LIMIT 5", ""),
        order.replace("5", "6"),
        order.replace(" FOR UPDATE SKIP LOCKED", ""),
        order.replace(" SKIP LOCKED", ""),
        order.replace("SKIP LOCKED", "NOWAIT"),
    }


def test_python_is_changed_where_it_runs(changed: set[tuple[str, str]]) -> None:
    assert changed >= {
        ("DropStatement", "pass"),
        ("SwapExtreme", "self.rows = min(1, rows)"),
        ("ReplaceComparisonOperator_Is_IsNot", "if rows is not None:"),
        ("NumberReplacer", "def find(*, rows: int | None = 4) -> object:"),
    }


def test_documentation_messages_annotations_and_large_numbers_stay(
    changed: set[tuple[str, str]],
) -> None:
    afters = " ".join(after for _, after in changed)
    for untouched in ('"""', "raise", "LIMIT = ", "int & None"):
        assert untouched not in afters


def test_each_room_has_its_files() -> None:
    """Where a module was renamed, nobody would miss its mutants."""
    rooms = tomllib.loads((SCRIPTS / "mutation" / "rooms.toml").read_text())
    folders = rooms.pop("tests")
    globs = [
        pattern
        for room in rooms.values()
        for key in ("modules", "without_tests", "only_tests")
        for pattern in room.get(key, ())
    ]
    project = SCRIPTS.parent
    assert [pattern for pattern in (*folders, *globs) if not [*project.glob(pattern)]] == []


def test_each_equivalent_mutant_has_a_reason() -> None:
    entries = tomllib.loads((SCRIPTS / "mutation" / "equivalents.toml").read_text())["equivalent"]
    assert all(len(entry["reason"].split()) > 3 for entry in entries)
    assert len(entries) <= 40


def test_only_the_tests_that_a_room_names_judge_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(f"{SCRIPTS}")
    from mutation.rooms import Room  # noqa: PLC0415

    assert Room("all", (), ()).is_judged_by("a")
    without = Room("without", (), (), without_tests=("a",))
    assert [without.is_judged_by(file) for file in "ab"] == [False, True]
    only = Room("only", (), (), without_tests=("b",), only_tests=("a", "b"))
    assert [only.is_judged_by(file) for file in "abc"] == [True, False, False]
