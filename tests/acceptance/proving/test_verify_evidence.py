"""manage.py verify_evidence compares a file of evidence with the database as it is now."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.leaked import leak, value
from tests.support.manage import Manage

STORED = "SELECT string_agg(token::text, E'\\n') FROM tickets_ticket"


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
        (
            '{"evidence": "rotation of leaked tokens", "targets": [{}]}',
            "proves nothing: targets[0].model is missing. It was changed, or another version wrote",
        ),
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


SELECTED = ("rotate_tokens", "--where", "subject=nobody's")


@pytest.mark.parametrize("more", [(), ("--report",)])
def test_a_complete_selection_is_not_a_complete_table(
    manage: Manage, database_url: str, tickets: Any, tmp_path: Path, more: tuple[str, ...]
) -> None:
    path = str(tmp_path / "evidence.json")
    written = manage(*SELECTED, *more, "--evidence", path, database_url=database_url)
    assert written.returncode == (3 if more else 0)
    assert "100 rows outside of it are" in written.stdout
    (entry,) = json.loads(Path(path).read_text())["targets"]
    assert (entry["complete"], entry["selection_complete"]) == (False, True)
    read = entry["completeness"]
    assert (read["complete"], read["selection_complete"]) == (False, True)
    assert (read["pending_rows"], read["pending_rows_outside"]) == (0, 100)
    assert entry["selection"] == """--where 'subject=nobody'"'"'s'"""

    verify = ("verify_evidence", path)
    some = manage(*verify, database_url=database_url)
    assert some.returncode == 3
    assert "tickets.Ticket: the selection --where 'subject=nobody" in some.stdout
    assert "100 rows outside of it are pending now (to rotate: python manage.py" in some.stdout
    assert "Ticket: complete" not in some.stdout

    manage("rotate_tokens", database_url=database_url)
    none = manage(*verify, database_url=database_url)
    assert none.returncode == 0
    assert "is complete, as the evidence of" in none.stdout
    assert "0 rows outside of it are pending now." in none.stdout


def test_a_report_of_a_selection_counts_the_rows_outside_of_it(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    text = manage(*SELECTED, "--report", database_url=database_url)
    json_ = manage(*SELECTED, "--report", "--format", "json", database_url=database_url)
    assert (text.returncode, json_.returncode) == (3, 3)
    assert "rotated           0 (0.00 %)" in text.stdout
    assert "complete          no: the selection is, but 100 rows outside of it are" in text.stdout
    assert "next              python manage.py rotate_tokens\n" in text.stdout
    values = json.loads(json_.stdout)
    assert (values["complete"], values["selection_complete"]) == (False, True)
    assert (values["pending"], values["pending_outside"], values["rotated"]) == (0, 100, 0)


def test_a_cut_off_alone_covers_the_whole_table(
    manage: Manage, database_url: str, tickets: Any, tmp_path: Path
) -> None:
    path = str(tmp_path / "evidence.json")
    since = ("--issued-before", "now")
    manage("rotate_tokens", *since, "--evidence", path, database_url=database_url)
    (entry,) = json.loads(Path(path).read_text())["targets"]
    assert (entry["complete"], entry["selection_complete"]) == (True, True)
    done = manage("verify_evidence", path, database_url=database_url)
    assert done.returncode == 0
    assert "tickets.Ticket: complete, as the evidence" in done.stdout


def test_a_list_that_was_done_says_nothing_of_other_rows(
    manage: Manage, database_url: str, tickets: Any, tmp_path: Path
) -> None:
    path, keys = str(tmp_path / "evidence.json"), tmp_path / "keys"
    keys.write_text("id\n1\n2\n")
    done = manage(
        "rotate_tokens", "--only", str(keys), "--evidence", path, database_url=database_url
    )
    assert done.returncode == 0
    (entry,) = json.loads(Path(path).read_text())["targets"]
    assert (entry["complete"], entry["selection_complete"]) == (False, True)
    again = manage("verify_evidence", path, database_url=database_url)
    assert again.returncode == 3
    assert f"the selection --only {keys} is complete" in again.stdout
    assert "98 rows outside of it are pending now" in again.stdout


def test_a_listed_row_that_is_left_is_no_complete_list(
    manage: Manage, database_url: str, tickets: Any, tmp_path: Path
) -> None:
    """Their markers say that they are fresh; only the list knows better."""
    path, tokens = str(tmp_path / "evidence.json"), tmp_path / "tokens"
    manage("rotate_tokens", database_url=database_url)
    tokens.write_text("\n".join(value(tickets, STORED).split()[:5]))
    limited = ("rotate_tokens", "--only", str(tokens), "--limit", "2", "--evidence", path)
    assert manage(*limited, database_url=database_url).returncode == 3
    (entry,) = json.loads(Path(path).read_text())["targets"]
    assert entry["list"]["rows_still_to_be_rotated"] == 3
    assert (entry["complete"], entry["selection_complete"]) == (False, False)
    assert entry["completeness"]["pending_rows"] == 3


def test_a_narrower_selection_forged_into_evidence_hides_no_pending_row(
    manage: Manage, database_url: str, tickets: Any, tmp_path: Path
) -> None:
    path = tmp_path / "evidence.json"
    manage("rotate_tokens", "--evidence", str(path), database_url=database_url)
    tickets.cursor().execute("UPDATE tickets_ticket SET token_rotated_at = NULL WHERE id <= 3")
    document = json.loads(path.read_text())
    (entry,) = document["targets"]
    entry["selected"]["where"] = ["id=999"]
    path.write_text(json.dumps(document))
    refused = manage("verify_evidence", str(path), database_url=database_url)
    assert refused.returncode == 1
    assert "targets[0]: selection is not what selected says" in refused.stderr

    entry["selection"] = "--where id=999"
    entry["pending"]["selection"] = entry["pending"]["everywhere"]
    path.write_text(json.dumps(document))
    differs = manage("verify_evidence", str(path), database_url=database_url)
    assert differs.returncode == 3
    assert "3 rows outside of it are pending now" in differs.stdout

    tickets.cursor().execute("ALTER TABLE tickets_ticket DISABLE TRIGGER USER")
    both = manage("verify_evidence", str(path), database_url=database_url)
    assert both.returncode == 3
    assert "and is disabled." in both.stdout
    assert "selection --where id=999: 3 rows outside of it are pending now" in both.stdout
