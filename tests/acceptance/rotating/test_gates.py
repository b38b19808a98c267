"""Gates of the operator's on the command line: the archive, queries that end it, missing rights."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.databases import DatabaseFactory, make_server_directory
from tests.support.leaked import assert_each_token_changed_once, leak, pending, value
from tests.support.manage import Manage
from tests.support.waiting import until
from tickets.config.embedded.cluster import PostgresCluster

ROWS = 3_000
WAITING_FILES = "SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'"
LITERAL = "not-for-messages"


@pytest.fixture(scope="module")
def archiving_server() -> Iterator[PostgresCluster]:
    """It has no command yet that takes its files."""
    directory = make_server_directory()
    cluster = PostgresCluster(directory / "archiving", settings={"archive_mode": "on"})
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop("immediate")
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def archiving_url(archiving_server: PostgresCluster, manage: Manage) -> str:
    return DatabaseFactory(archiving_server.url(), manage).create("latest")


def test_it_waits_while_files_wait_for_the_archiver_and_goes_on_when_they_are_taken(
    archiving_url: str, manage: Manage, connect: Callable[[str], Any]
) -> None:
    tickets = connect(archiving_url)
    leak(tickets, ROWS)
    while value(tickets, WAITING_FILES) < 3:
        value(tickets, "SELECT pg_logical_emit_message(false, 'test', 'a file has some')::text")
        value(tickets, "SELECT pg_switch_wal()::text")
    process = manage.start(
        "rotate_tokens", "--max-files-to-archive", "2", database_url=archiving_url
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("waiting: 3 WAL files to archive")
    assert pending(tickets) == ROWS
    tickets.cursor().execute("ALTER SYSTEM SET archive_command = 'true'")
    value(tickets, "SELECT pg_reload_conf()")
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stdout + stderr
    assert "for archive" in stdout
    assert_each_token_changed_once(tickets)


def test_a_role_that_may_not_see_the_archive_is_told_so_before_anything_is_written(
    database_url: str, manage: Manage, connect: Callable[[str], Any]
) -> None:
    tickets = connect(database_url)
    leak(tickets, 10)
    role = f"no_monitor_{tickets.get_backend_pid()}"
    tickets.cursor().execute(
        f"CREATE ROLE {role} LOGIN; GRANT SELECT, UPDATE ON tickets_ticket TO {role}"
    )
    try:
        refused = manage(
            *("rotate_tokens", "--max-files-to-archive", "2"),
            database_url=database_url.replace("postgres@", f"{role}@"),
        )
        assert refused.returncode == 1
        *_, line = refused.stderr.splitlines()
        assert "may not see the files that wait for the archiver" in line
        assert "Grant it pg_monitor, or leave out --max-files-to-archive" in line
        assert pending(tickets) == 10
    finally:
        tickets.cursor().execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_abort_when_ends_it_with_one_line_and_keeps_the_rows_so_far(
    database_url: str, manage: Manage, connect: Callable[[str], Any]
) -> None:
    """At this rate it would take an hour; the query is asked once a second."""
    tickets = connect(database_url)
    leak(tickets, ROWS)
    some_done = f"SELECT count(*) > 0 AND '{LITERAL}' <> '' FROM token_change"
    ended = manage(
        *("rotate_tokens", "--abort-when", some_done),
        *("--batch-rows", "1", "--max-rows-per-second", "1"),
        database_url=database_url,
    )
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert "ended: the query of --abort-when answers true" in line
    assert LITERAL not in line.partition("python manage.py")[0], line
    left = pending(tickets)
    assert 0 < left < ROWS
    with tickets.cursor() as cursor:
        cursor.execute("SELECT status, result, output_data::text FROM token_rotation_operation")
        ((status, result, output),) = cursor.fetchall()
    assert (status, result) == ("finished", "failed")
    assert "--abort-when" in output
    assert LITERAL not in output
    assert manage("rotate_tokens", database_url=database_url).returncode == 0
    assert_each_token_changed_once(tickets)


@pytest.mark.parametrize("flag", ["--pause-while", "--abort-when"])
def test_a_query_that_writes_is_refused_in_one_line_before_anything_is_written(
    database_url: str, manage: Manage, connect: Callable[[str], Any], flag: str
) -> None:
    tickets = connect(database_url)
    leak(tickets, 10)
    refused = manage(
        "rotate_tokens",
        flag,
        "DELETE FROM tickets_ticket RETURNING 1=1",
        database_url=database_url,
    )
    assert refused.returncode == 1
    (line,) = refused.stderr.splitlines()
    assert f"The query of {flag} fails: " in line
    assert f"leave out {flag}" in line
    assert pending(tickets) == 10


def test_what_it_waits_for_is_on_record(
    database_url: str, manage: Manage, connect: Callable[[str], Any]
) -> None:
    tickets = connect(database_url)
    leak(tickets, 10)
    tickets.cursor().execute("CREATE TABLE hold AS SELECT true AS is_on")
    process = manage.start(
        "rotate_tokens", "--pause-while", "SELECT is_on FROM hold", database_url=database_url
    )
    live = "SELECT live_data::text FROM token_rotation_operation WHERE status = 'running'"
    until(lambda: value(tickets, f"SELECT EXISTS ({live})"))
    until(lambda: "--pause-while answers true" in str(value(tickets, live)))
    tickets.cursor().execute("UPDATE hold SET is_on = false")
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert_each_token_changed_once(tickets)
