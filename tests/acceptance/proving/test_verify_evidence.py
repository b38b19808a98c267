"""manage.py verify_evidence compares a file of evidence with the database as it is now."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.leaked import leak
from tests.support.manage import Manage


@pytest.fixture
def tickets(database_url: str, connect: Callable[[str], Any]) -> Any:
    connection = connect(database_url)
    leak(connection, 100)
    return connection


def test_what_was_complete_is_read_again_and_each_difference_told(
    manage: Manage, database_url: str, tickets: Any, tmp_path: Path
) -> None:
    path = str(tmp_path / "evidence.json")
    verify = ("verify_evidence", path)
    manage("rotate_tokens", "--evidence", path, database_url=database_url)
    (entry,) = json.loads(Path(path).read_text())["targets"]
    read = entry["completeness"]
    assert (entry["complete"], read["complete"], read["rows"]) == (True, True, 100)
    assert [each["name"] for each in read["relations"]] == ["public.tickets_ticket"]
    assert all(
        read[name]
        for name in ("system_identifier", "timeline", "snapshot", "wal_position_before", "read")
    )
    tickets.cursor().execute(
        "INSERT INTO tickets_ticket (id, subject, status, created_at)"
        " VALUES (101, 'new', 'open', now())"
    )
    same = manage(*verify, database_url=database_url)
    assert same.returncode == 0
    assert "It was read again: 101 rows now, 100 then." in same.stdout

    tickets.cursor().execute("UPDATE tickets_ticket SET token_rotated_at = NULL WHERE id <= 3")
    tickets.cursor().execute("CREATE TABLE child () INHERITS (tickets_ticket)")
    differs = manage(*verify, database_url=database_url)
    assert differs.returncode == 3
    assert "tickets.Ticket: 3 rows are pending now, 0 then.\n" in differs.stdout
    assert "tickets.Ticket: public.child is a part of the table that the evidence" in differs.stdout

    late = manage(*verify, "--verdict-at-most-seconds", "0.000001", database_url=database_url)
    assert late.returncode == 3
    assert "tickets.Ticket: not verified now: the read was given up" in late.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be read: No such file or directory"),
        ("{", "is no JSON file"),
        ("[]", "holds no evidence"),
        ('{"evidence": "rotation of leaked tokens", "targets": [{}]}', "is of an older version"),
    ],
)
def test_a_file_that_is_no_evidence_is_one_line(
    manage: Manage, database_url: str, tmp_path: Path, text: str | None, said: str
) -> None:
    path = tmp_path / "evidence.json"
    if text is not None:
        path.write_text(text)
    done = manage("verify_evidence", str(path), database_url=database_url)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
