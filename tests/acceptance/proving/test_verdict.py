"""An index that lacks rows never makes a command say that nothing is pending."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.leaked import leak, pending
from tests.support.manage import Manage

REINDEX = 'REINDEX INDEX CONCURRENTLY "public"."tickets_ticket_pending"'
READY = "UPDATE pg_index SET indisready = {} WHERE indexrelid = 'tickets_ticket_pending'::regclass"


@pytest.fixture
def damaged(manage: Manage, database_url: str, connect: Callable[[str], Any]) -> Any:
    """1,000 rows are rotated, then 20 become pending of which the index knows nothing."""
    tickets = connect(database_url)
    leak(tickets, 1000)
    manage("rotate_tokens", database_url=database_url)
    tickets.cursor().execute(READY.format("false"))
    tickets.cursor().execute("UPDATE tickets_ticket SET token_rotated_at = NULL WHERE id <= 20")
    tickets.cursor().execute(READY.format("true"))
    for scan in ("indexscan", "indexonlyscan", "bitmapscan"):  # tests count what the table has
        tickets.cursor().execute(f"SET enable_{scan} = off")
    return tickets


def test_a_damaged_index_ends_the_rotation_with_the_command_that_mends_it(
    manage: Manage, database_url: str, damaged: Any
) -> None:
    again, dry, report, evident = manage.each(
        ("rotate_tokens",),
        ("rotate_tokens", "--dry-run"),
        ("rotate_tokens", "--report"),
        ("rotate_tokens", "--report", "--format", "json"),
        database_url=database_url,
    )
    for done in (again, dry, report):
        assert done.returncode == 3
        assert REINDEX in done.stdout
    assert "20 rows are pending" in again.stdout
    assert "lacks 20 pending rows that the table has" in again.stdout
    assert "complete" not in again.stdout
    values = json.loads(evident.stdout)
    assert (values["pending"], values["complete"]) == (20, False)
    assert values["next_command"] == f"{REINDEX} in psql, then python manage.py rotate_tokens"
    damaged.cursor().execute(REINDEX)
    done = manage("rotate_tokens", database_url=database_url)
    assert (done.returncode, pending(damaged)) == (0, 0)
    assert "20 tokens rotated" in done.stdout


@pytest.mark.parametrize("flag", ["--only", "--first"])
def test_a_list_of_keys_beside_a_damaged_index_ends_as_without_one(
    manage: Manage, database_url: str, damaged: Any, tmp_path: Path, flag: str
) -> None:
    """The look-up by the list finds the rows, and the UPDATE does not."""
    listed = tmp_path / "keys.txt"
    listed.write_text("id\n1\n2\n3\n4\n5\n")
    done = manage("rotate_tokens", flag, str(listed), database_url=database_url, timeout=60)
    assert done.returncode == 3
    assert REINDEX in done.stdout
    assert "complete" not in done.stdout
    assert pending(damaged) == 20


def test_the_record_of_a_rotation_beside_a_damaged_index_is_not_complete(
    manage: Manage, database_url: str, damaged: Any
) -> None:
    damaged.cursor().execute("UPDATE tickets_ticket SET token_rotated_at = NULL WHERE id > 990")
    done, report = manage.each(
        ("rotate_tokens", "--progress", "json"),
        ("rotate_tokens", "--report", "--format", "json"),
        database_url=database_url,
    )
    end = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, end["outcome"], end["pending_rows"]) == (3, "found_pending", 20)
    assert (end["complete"], end["verdict"]["complete"]) == (False, False)
    first, second = json.loads(report.stdout)["runs"]
    assert (first["outcome"], first["rotated_rows"]) == ("found_pending", 10)
    assert (second["outcome"], second["rotated_rows"]) == ("complete", 1000)


def test_a_read_that_takes_longer_than_it_may_leaves_it_unverified(
    manage: Manage, database_url: str, connect: Callable[[str], Any]
) -> None:
    leak(connect(database_url), 100)
    done, again = manage.each(
        ("rotate_tokens", "--verdict-at-most-seconds", "0.000001"),
        ("rotate_tokens",),
        database_url=database_url,
    )
    assert done.returncode == 3
    assert "100 tokens rotated" in done.stdout
    assert "Nothing is pending by the index, but that was not verified" in done.stdout
    assert "the read was given up after 1e-06 s" in done.stdout
    assert "To verify: python manage.py rotate_tokens --report --exact" in done.stdout
    assert again.returncode == 0
