"""clean_up_tokens, or rotate_tokens --finish, cleans up after a rotation and harms nobody."""

import json
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.databases import unique_name
from tests.support.held_table import hold_table, let_go
from tests.support.leaked import leak, value
from tests.support.manage import Manage
from tests.support.waiting import until

ROWS = 30_000
OTHERS = ("--report", "--dry-run", "--stop")
COMMAND = "python manage.py clean_up_tokens"
INDEX_BYTES = "SELECT pg_relation_size('tickets_ticket_token_key')"
SECOND_BYTES = "SELECT pg_relation_size('second')"
FILE = "SELECT pg_relation_filenode('tickets_ticket_token_key')"
DEAD_ROWS = "SELECT n_dead_tup FROM pg_stat_all_tables WHERE relname = 'tickets_ticket'"
REINDEX_WAITS = (
    "SELECT count(*) FROM pg_stat_progress_create_index "
    "WHERE datname = current_database() AND current_locker_pid <> 0"
)
INVALID = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"


@pytest.fixture
def tickets(database_url: str, connect: Callable[[str], Any]) -> Any:
    """Leaked tickets whose dead rows nobody but the clean-up removes.

    Their tokens have a second index, as Django gives it to a column of text.
    """
    connection = connect(database_url)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE tickets_ticket SET (autovacuum_enabled = false)")
        cursor.execute("CREATE INDEX second ON tickets_ticket (token)")
    leak(connection, ROWS, first=100)  # the sequence of the keys is still at 1
    return connection


def test_a_rotation_offers_the_clean_up_and_the_clean_up_does_what_it_offered(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    rotated = manage("rotate_tokens", database_url=database_url)
    assert rotated.returncode == 0
    assert "tickets_ticket_token_key has " in rotated.stdout
    assert "the index second has " in rotated.stdout
    assert rotated.stdout.endswith(f" would do: run {COMMAND}\n")
    bloated, second_bloated = value(tickets, INDEX_BYTES), value(tickets, SECOND_BYTES)

    cleaned = manage("rotate_tokens", "--finish", database_url=database_url)
    assert cleaned.returncode == 0, cleaned.stderr
    for said in ("nothing is pending", "Vacuuming tickets_ticket", "Building the index", "Cleaned"):
        assert said in cleaned.stdout
    assert value(tickets, INDEX_BYTES) < bloated / 1.5
    assert value(tickets, SECOND_BYTES) < second_bloated / 1.5
    assert value(tickets, DEAD_ROWS) == 0
    report = manage("rotate_tokens", "--report", "--format", "json", database_url=database_url)
    assert (report.returncode, json.loads(report.stdout)["advice"]) == (0, [])

    file = value(tickets, FILE)
    again = manage("clean_up_tokens", database_url=database_url)
    assert again.returncode == 0
    assert "not worth building it anew" in again.stdout
    assert value(tickets, FILE) == file


def test_with_rows_pending_it_rotates_and_then_cleans_up(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    done = manage("rotate_tokens", "--finish", "--progress", "json", database_url=database_url)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["outcome"] == "complete"
    assert f"run {COMMAND}" not in done.stderr
    assert "Cleaned up: table" in done.stderr
    assert value(tickets, DEAD_ROWS) == 0


def test_with_rows_still_pending_at_the_end_nothing_is_cleaned(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    file = value(tickets, FILE)
    done = manage("rotate_tokens", "--finish", "--limit", "100", database_url=database_url)
    assert done.returncode == 3
    assert done.stdout.endswith("The clean-up was left out: it comes when nothing is pending.\n")
    assert "Vacuum" not in done.stdout
    assert value(tickets, FILE) == file


def test_by_itself_it_cleans_nothing_while_rows_are_pending_and_says_what_to_type(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    file = value(tickets, FILE)
    refused = manage("clean_up_tokens", database_url=database_url)
    assert (refused.returncode, refused.stderr) == (3, "")
    assert f"{ROWS:,} rows are pending, so the clean-up was left out" in refused.stdout
    assert refused.stdout.endswith("Rotate first: python manage.py rotate_tokens\n")
    assert value(tickets, FILE) == file


def test_behind_an_old_snapshot_it_is_skipped_with_its_holder_named(
    manage: Manage, database_url: str, tickets: Any, connect: Callable[[str], Any]
) -> None:
    reader = connect(database_url)
    reader.cursor().execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    value(reader, "SELECT count(*) FROM tickets_ticket")
    done = manage("rotate_tokens", "--finish", database_url=database_url)
    assert done.returncode == 0
    assert f"Skipped: pid {reader.get_backend_pid()} (idle in transaction, open" in done.stdout
    assert done.stdout.endswith(f"To clean up later: {COMMAND}\n")


def test_a_session_of_a_rotation_is_not_named_and_does_not_prevent_the_clean_up(
    manage: Manage, database_url: str, tickets: Any, connect: Callable[[str], Any]
) -> None:
    own = connect(database_url)
    own.cursor().execute("SET application_name = 'rotate_tokens'")
    own.cursor().execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    value(own, "SELECT count(*) FROM tickets_ticket")
    process = manage.start("rotate_tokens", "--finish", database_url=database_url)
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if " dead rows left" in line:
            let_go(own)  # which the index that is built anew waits for, too
    assert process.wait(60) == 0
    assert any(line.startswith("Vacuumed and analyzed in") for line in said)
    assert not any(f"pid {own.get_backend_pid()}" in line for line in said)
    (left,) = (line for line in said if " dead rows left" in line)
    assert ", which a short transaction may still need: once it has ended, " in left


def test_behind_a_snapshot_of_the_middle_it_cleans_what_it_can_and_names_the_holder_of_the_rest(
    manage: Manage, database_url: str, tickets: Any, connect: Callable[[str], Any]
) -> None:
    manage("rotate_tokens", "--limit", str(ROWS // 2), database_url=database_url)
    reader = connect(database_url)
    reader.cursor().execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    value(reader, "SELECT count(*) FROM tickets_ticket")
    process = manage.start("rotate_tokens", "--finish", database_url=database_url)
    assert process.stdout is not None
    named = next(line for line in process.stdout if " dead rows left" in line)
    assert f"which pid {reader.get_backend_pid()} (idle in transaction, open" in named
    assert named.endswith(f"once it has ended, {COMMAND} removes them.\n")
    let_go(reader)  # which the index that is built anew waits for, too
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert ROWS // 4 < value(tickets, DEAD_ROWS) <= ROWS
    cleaned = manage("rotate_tokens", "--finish", database_url=database_url)
    assert "dead rows left" not in cleaned.stdout
    assert value(tickets, DEAD_ROWS) == 0


def test_stopped_while_the_index_is_built_traffic_went_on_and_the_next_run_mends_it(
    manage: Manage, database_url: str, tickets: Any, connect: Callable[[str], Any]
) -> None:
    manage("rotate_tokens", database_url=database_url)
    writer = connect(database_url)
    hold_table(writer)
    process = manage.start("clean_up_tokens", database_url=database_url)
    until(lambda: value(tickets, REINDEX_WAITS))
    tickets.cursor().execute("SET lock_timeout = 100")
    tickets.cursor().execute("UPDATE tickets_ticket SET subject = 'written meanwhile'")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3, err
    assert out.endswith(f"The clean-up was stopped; the tokens are safe. To go on: {COMMAND}\n")
    assert value(tickets, INVALID) == 1
    let_go(writer)

    report = manage("rotate_tokens", "--report", "--format", "json", database_url=database_url)
    values = json.loads(report.stdout)
    assert (report.returncode, values["guard"]["ok"]) == (0, True)
    assert "tickets_ticket_token_key_ccnew was left invalid" in values["advice"][0]
    mended = manage("clean_up_tokens", database_url=database_url)
    assert "Dropping tickets_ticket_token_key_ccnew" in mended.stdout
    assert value(tickets, INVALID) == 0
    assert (
        value(tickets, "SELECT count(*) FROM pg_index WHERE indexrelid::regclass::text ~ '_cc'")
        == 0
    )


def test_killed_while_the_index_is_built_its_session_is_left_alone_and_its_rest_removed(
    manage: Manage, database_url: str, tickets: Any, connect: Callable[[str], Any]
) -> None:
    manage("rotate_tokens", database_url=database_url)
    writer = connect(database_url)
    hold_table(writer)
    process = manage.start("clean_up_tokens", database_url=database_url)
    until(lambda: value(tickets, REINDEX_WAITS))
    process.kill()
    process.wait()
    pid = value(tickets, REINDEX_WAITS.replace("count(*)", "pid"))
    second = manage("clean_up_tokens", database_url=database_url)
    assert second.returncode == 0
    assert f"Skipped: another session (pid {pid}) is at work on tickets_ticket" in second.stdout
    assert value(tickets, INVALID) == 1

    value(tickets, "SELECT pg_terminate_backend(%s)", pid)
    until(lambda: value(tickets, "SELECT count(*) FROM pg_stat_activity WHERE pid = %s", pid) == 0)
    let_go(writer)
    third = manage("clean_up_tokens", database_url=database_url)
    assert (third.returncode, value(tickets, INVALID)) == (0, 0)
    assert "Cleaned up" in third.stdout


@pytest.fixture
def role(tickets: Any) -> Iterator[str]:
    """A role that may read the tickets."""
    role = unique_name("role")
    tickets.cursor().execute(f"CREATE ROLE {role} LOGIN; GRANT SELECT ON tickets_ticket TO {role}")
    yield role
    tickets.cursor().execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_a_clean_up_that_the_role_may_not_do_is_skipped_with_the_reason(
    manage: Manage, database_url: str, tickets: Any, role: str
) -> None:
    manage("rotate_tokens", database_url=database_url)
    as_role = database_url.replace("postgres@", f"{role}@", 1)
    reader = manage("clean_up_tokens", database_url=as_role)
    assert (reader.returncode, reader.stderr) == (0, "")
    assert "Skipped: this role may not vacuum tickets_ticket" in reader.stdout

    name = value(tickets, "SELECT current_database()")
    tickets.cursor().execute(f'ALTER DATABASE "{name}" OWNER TO {role}')
    owner = manage("clean_up_tokens", database_url=as_role)
    tickets.cursor().execute(f'ALTER DATABASE "{name}" OWNER TO CURRENT_USER')
    assert (owner.returncode, owner.stderr) == (0, "")
    assert "Vacuumed and analyzed in" in owner.stdout
    assert "Skipped: this role may not rebuild the index tickets_ticket_token_key" in owner.stdout
    assert owner.stdout.endswith(f"To clean up later: {COMMAND}\n")


def test_it_goes_with_no_option_that_changes_nothing(manage: Manage, database_url: str) -> None:
    commands = [("rotate_tokens", "--finish", other) for other in OTHERS]
    for refused in manage.each(*commands, database_url=database_url):
        assert refused.returncode == 1
        assert "--finish goes with rotating, not with " in refused.stderr
