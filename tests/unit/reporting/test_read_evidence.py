"""An evidence file that lacks a part, or contradicts itself, is refused in one line."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.support.verdicts import verdict_of
from token_rotation.errors import EvidenceError
from token_rotation.inspection.verdict.verdict import Unread
from token_rotation.reporting.evidence import document
from token_rotation.reporting.read_evidence import read_evidence

ENTRY: dict[str, Any] = {
    "model": "shop.Order",
    "table": "orders",
    "token_column": "token",
    "database": "app",
    "server_version": "18.0",
    "role": "app",
    "looked_at": "2026-01-01T00:00:00+00:00",
    "command": "python manage.py rotate_tokens",
    "selection": None,
    "selected": {"issued_before": None, "where": [], "list": []},
    "options": None,
    "rotation": None,
    "complete": True,
    "selection_complete": True,
    "completeness": verdict_of().as_values(),
    "tables_looked_at": {"tables": ["public.orders"], "not_looked_at": []},
    "pending": {"everywhere": {"query": "SELECT", "answer": 0}},
    "list": None,
    "rows_with_a_retired_token": None,
    "guard": {
        "ok": True,
        "holds": True,
        "triggers": {"shop.Order:guard": "enabled"},
        "indexes": {"pending": "valid"},
        "problems": [],
        "warnings": [],
    },
    "wal_position": "0/2",
    "replicas": [],
    "last_runs": [],
}

Path_ = tuple[str | int, ...]


def places(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Yield the place of every value within an entry."""
    each = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        each = enumerate(value)
    for name, part in each:
        yield (*path, name)
        yield from places(part, (*path, name))


def read(tmp_path: Path, entry: Any) -> list[dict[str, Any]]:
    file = tmp_path / "evidence.json"
    file.write_text(json.dumps(document([entry])))
    return read_evidence(str(file))


def changed(place: Path_, change: Callable[[Any, Any], None]) -> dict[str, Any]:
    entry = deepcopy(ENTRY)
    *parents, last = place
    part: Any = entry
    for name in parents:
        part = part[name]
    change(part, last)
    return entry


def set_to(value: Any) -> Callable[[Any, Any], None]:
    def change(part: Any, name: Any) -> None:
        part[name] = value

    return change


def remove(part: Any, name: Any) -> None:
    del part[name]


def refusal(tmp_path: Path, entry: Any) -> str:
    with pytest.raises(EvidenceError) as error:
        read(tmp_path, entry)
    return str(error.value)


def test_what_the_writer_wrote_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, ENTRY) == [ENTRY]
    unread = {
        "complete": False,
        "selection_complete": False,
        "completeness": Unread("a test").as_values(),
        "tables_looked_at": {"tables": [], "not_looked_at": ["all"]},
    }
    assert read(tmp_path, {**ENTRY, **unread})


def test_no_part_may_be_missing(tmp_path: Path) -> None:
    for place in places(ENTRY):
        if place != ("guard", "indexes", "pending"):
            said = refusal(tmp_path, changed(place, remove))
            assert "proves nothing: targets[0]" in said
            assert "\n" not in said


@pytest.mark.parametrize("junk", [{}, [7], -1, "", float("nan")], ids=str)
def test_no_part_may_be_of_another_kind(tmp_path: Path, junk: Any) -> None:
    for place in places(ENTRY):
        if junk == {} and place in {("options",), ("rotation",), ("guard", "indexes")}:
            continue
        assert "proves nothing" in refusal(tmp_path, changed(place, set_to(junk))), place


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("completeness.complete", False, "complete is true, and its parts say otherwise"),
        ("complete", False, "complete is false, and its parts say otherwise"),
        ("selection_complete", False, "complete is false, and its parts say otherwise"),
        ("completeness.pending_rows", 7, "completeness.selection_complete is not what its counts"),
        ("completeness.pending_rows_outside", 7, "completeness.complete is not what its counts"),
        ("completeness.pending_rows_everywhere", 7, "completeness.complete is not what its counts"),
        ("completeness.damaged_indexes", ["i"], "completeness.complete is not what its counts"),
        ("completeness.is_standby", True, "completeness.selection_complete is not what its counts"),
        (
            "completeness.open_writers",
            ["pid 7"],
            "completeness.selection_complete is not what its counts",
        ),
        ("completeness.rows", 999, "completeness.rows is not the sum of its relations"),
        ("completeness.relations", [], "completeness.rows is not the sum of its relations"),
        ("completeness.wal_position_before", None, "completeness.wal_position_before is null"),
        ("completeness.database", "other", "database is not that of completeness"),
        ("pending.everywhere.answer", 7, "complete is true, and its parts say otherwise"),
        ("pending.selection", ENTRY["pending"]["everywhere"], "pending counts another selection"),
        ("rows_with_a_retired_token", 1, "complete is true, and its parts say otherwise"),
        ("guard.holds", False, "complete is true, and its parts say otherwise"),
        ("guard.triggers", {"guard": "disabled"}, "not every trigger is enabled"),
        ("tables_looked_at.tables", ["public.other"], "are not the relations of completeness"),
        ("selected.where", ["id=999"], "selection is not what selected says"),
        ("selected.issued_before", "2026-01-01T00:00:00Z", "selection is not what selected says"),
        ("selection", "--where id=999", "selection is not what selected says"),
        (
            "list",
            dict.fromkeys(("lines", "rows_found", "rows_still_to_be_rotated"), 3)
            | {"name": "l", "of": "keys"},
            "complete is true, and its parts say otherwise",
        ),
    ],
)
def test_what_contradicts_the_rest_is_named(
    tmp_path: Path, place: str, value: Any, said: str
) -> None:
    assert said in refusal(tmp_path, changed(tuple(place.split(".")), set_to(value)))


def test_an_empty_read_is_no_read(tmp_path: Path) -> None:
    said = refusal(tmp_path, {**ENTRY, "completeness": {}})
    assert "targets[0].completeness.complete is missing" in said
