"""One row that PostgreSQL refuses stops no other, and is named with what refuses it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.leaked import assert_each_token_changed_once, leak, pending, value
from tests.support.manage import Manage
from tests.support.poison import POISONS, REFUSE_UPDATES
from tests.support.waiting import until

pytestmark = pytest.mark.server_versions

ROWS = 3_000
KINDS = ["a check that is not valid", "an audit's unique index", "a trigger at COMMIT"]
RECORD = "SELECT output_data FROM token_rotation_operation ORDER BY id DESC LIMIT 1"


@pytest.fixture
def tickets(database_url: str, connect: Callable[[str], Any]) -> Any:
    return connect(database_url)


def poison(tickets: Any, kind: str, row: int) -> str:
    """Leak tickets, make one row so, and return its token."""
    leak(tickets, ROWS)
    tickets.cursor().execute("SET session_replication_role = replica")  # past the guard
    tickets.cursor().execute(POISONS[kind].made_by.format(id=row))
    tickets.cursor().execute("RESET session_replication_role")
    return str(value(tickets, "SELECT token::text FROM leaked WHERE id = %s", row))


@pytest.mark.parametrize("workers", ["1", "3"])
@pytest.mark.parametrize("kind", KINDS)
def test_all_others_rotate_and_a_run_after_the_mend_completes(
    manage: Manage, database_url: str, tickets: Any, kind: str, workers: str
) -> None:
    secret = poison(tickets, kind, 1234)
    said = manage("rotate_tokens", "--workers", workers, database_url=database_url)
    assert said.returncode == 3
    assert pending(tickets) == 1
    assert "Refused, stays pending: id 1234: " in said.stdout
    last = said.stdout.splitlines()[-1]
    assert "2,999 tokens rotated" in last
    assert "PostgreSQL refused to change 1 row (id 1234: " in last
    assert POISONS[kind].sqlstate in last
    assert POISONS[kind].named in last
    assert "Mend those rows or what refuses them, then: python manage.py rotate_tokens" in last
    assert "omplete" not in said.stdout
    record = value(tickets, RECORD)
    assert (record["outcome"], record["refused"]["rows"]) == ("rows_refused", 1)
    report = manage("rotate_tokens", "--report", database_url=database_url)
    assert report.returncode == 3
    assert "rows refused, 2,999 rows" in report.stdout
    assert "PostgreSQL refused to change 1 row (id 1234: " in report.stdout
    assert "mend what the last run was refused, then python manage.py" in report.stdout
    assert secret[:8] not in f"{said} {report} {json.dumps(record)}"

    tickets.cursor().execute(POISONS[kind].mended_by.format(id=1234))
    assert manage("rotate_tokens", database_url=database_url).returncode == 0
    assert_each_token_changed_once(tickets)


def test_where_every_row_is_refused_one_line_says_so(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    leak(tickets, ROWS)
    made_by = POISONS["a trigger that raises"].made_by.format(id=0)
    tickets.cursor().execute(made_by.replace("OLD.id = 0", "OLD.id IS NOT NULL"))
    # Many small batches, each with rests: on a busy machine the budget would take minutes.
    at_once = ("--progress", "none", "--traffic-budget-ms", "0")
    said = manage("rotate_tokens", *at_once, database_url=database_url)
    assert (said.returncode, said.stderr) == (3, "")
    (line,) = said.stdout.splitlines()
    assert "3,000 pending" in line
    assert "Too many in a row were refused, so that not every row was tried" in line
    assert "function poison line 1" in line
    assert "Something may refuse all of them" in line


def test_programs_read_it_from_the_last_json_line(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    poison(tickets, "a check that is not valid", 7)
    said = manage("rotate_tokens", "--progress", "json", "--finish", database_url=database_url)
    assert said.returncode == 3
    end = json.loads(said.stdout.splitlines()[-1])
    assert (end["outcome"], end["complete"], end["pending_rows"]) == ("rows_refused", False, 1)
    (row,) = end["refused"]["named"]
    assert row["name"] == "id 7"
    assert "constraint has_subject" in row["reason"]
    assert "The clean-up was left out" in said.stderr


def test_an_error_that_ends_a_run_tells_of_refused_rows_too(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    poison(tickets, "a check that is not valid", 7)
    options = ("--batch-rows", "100", "--pause-seconds", "0.2")
    run = manage.start("rotate_tokens", *options, database_url=database_url)
    until(lambda: pending(tickets) < ROWS - 100)
    tickets.cursor().execute(REFUSE_UPDATES)
    _, stderr = run.communicate(timeout=120)
    assert run.returncode == 1
    (line,) = stderr.splitlines()
    assert "55000" in line
    assert "PostgreSQL refused to change 1 row (id 7: " in line
