"""Evidence that another server, or another table, cannot confirm is told line by line."""

from copy import deepcopy
from typing import Any

import pytest

from tests.support.verdicts import verdict_of
from token_rotation.inspection.verdict.verdict import Unread
from token_rotation.reporting.compare_evidence import differences

THEN: dict[str, Any] = {
    "table": "orders",
    "token_column": "token",
    "complete": True,
    "selection_complete": True,
    "completeness": verdict_of().as_values(),
    "guard": {"holds": True, "triggers": {"shop.Order:guard": "enabled"}, "problems": []},
    "rows_with_a_retired_token": None,
}
RELATION = {"name": "public.orders", "oid": 7, "rows": 1000}


def now(**changes: Any) -> dict[str, Any]:
    """What is so now; the changes are of the entry or of its completeness."""
    values = deepcopy(THEN)
    for name, value in changes.items():
        place = values if name in values else values["completeness"]
        assert name in place
        place[name] = value
    return values


def test_no_difference_is_told_while_traffic_adds_rows() -> None:
    later = {"rows": 2000, "wal_position_before": "1/0", "snapshot": "9:9:", "timeline": 1}
    assert list(differences(THEN, now(**later))) == []
    assert list(differences(THEN, now(system_identifier=None, timeline=None))) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"table": "orders2"}, "the table was orders, and is orders2"),
        (
            {"system_identifier": "456"},
            (
                "the system identifier was 123, and is 456: it is another cluster, restored or set "
                "up anew"
            ),
        ),
        (
            {"timeline": 2},
            "the timeline was 1, and is 2: a standby was promoted, or a backup was restored",
        ),
        ({"database": "copy"}, "the database was app, and is copy: it is another database"),
        (
            {"wal_position_before": "0/0"},
            (
                "the WAL ends at 0/0, and the evidence was read at 0/1: the server is in an older "
                "state"
            ),
        ),
        (
            {"is_standby": True},
            "this server is a standby or allows only reading: ask the primary",
        ),
        (
            {"relations": [{**RELATION, "oid": 8}]},
            "public.orders was dropped and created again since",
        ),
        (
            {"relations": [RELATION, {**RELATION, "name": "public.more"}]},
            "public.more is a part of the table that the evidence does not know",
        ),
        ({"relations": []}, "public.orders was a part of the table, and is none"),
        ({"pending_rows": 5}, "5 rows are pending now, 0 then"),
        ({"pending_rows": 1}, "1 row is pending now, 0 then"),
        (
            {"completeness": Unread("the read was given up after 1 s").as_values()},
            "not verified now: the read was given up after 1 s",
        ),
        (
            {"guard": {"holds": False, "triggers": {"shop.Order:guard": "disabled"}}},
            "the trigger shop.Order:guard was enabled, and is disabled",
        ),
        ({"rows_with_a_retired_token": 2}, "2 rows now with a token that was retired"),
    ],
)
def test_each_difference_is_a_line(changes: dict[str, Any], said: str) -> None:
    assert list(differences(THEN, now(**changes))) == [said]


def test_evidence_that_is_not_complete_proves_nothing() -> None:
    then = deepcopy(THEN)
    then["selection_complete"] = False
    then["completeness"] = Unread("the read was stopped").as_values()
    (line,) = differences(then, THEN)
    assert line == "the evidence itself does not say complete: the read was stopped"


@pytest.mark.parametrize("name", ["system_identifier", "timeline"])
def test_evidence_that_names_no_server_is_not_of_this_one(name: str) -> None:
    words = name.replace("_", " ")
    assert list(differences(now(**{name: None}), THEN)) == [
        f"the evidence names no {words}, so it may be of another server"
    ]


@pytest.mark.parametrize("junk", [None, [], "x", 7, {"relations": "x", "wal_position_before": 3}])
def test_junk_in_a_file_is_no_agreement(junk: Any) -> None:
    then = {**deepcopy(THEN), "selection_complete": None, "completeness": junk, "guard": junk}
    assert list(differences(then, THEN))
