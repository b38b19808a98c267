"""Somebody holds a table in ACCESS EXCLUSIVE mode: no command waits for ever, none is deaf."""

import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.held_table import named, until_a_statement_waits
from tests.support.leaked import leak, pending, value
from tests.support.manage import Manage
from tests.support.waiting import until

ROWS = 100
WAITING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


@pytest.fixture
def tickets(database_url: str, connect: Callable[[str], Any]) -> Any:
    connection = connect(database_url)
    leak(connection, ROWS)
    return connection


@pytest.fixture
def hold(database_url: str, connect: Callable[[str], Any]) -> Callable[[str], Any]:
    """hold(table) locks it in a session of its own, which is returned."""

    def hold(table: str) -> Any:
        holder = connect(database_url)
        holder.cursor().execute("SET application_name = 'a repack'")
        holder.autocommit = False
        holder.cursor().execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        return holder

    return hold


def test_every_command_behind_a_locked_table_ends_in_bounded_time_and_says_who_holds_it(
    manage: Manage,
    database_url: str,
    tickets: Any,
    hold: Callable[[str], Any],
    tmp_path: Path,
) -> None:
    listed, evidence = str(tmp_path / "leaked.txt"), str(tmp_path / "evidence.json")
    Path(listed).write_text(f"{value(tickets, 'SELECT token FROM leaked LIMIT 1')}\n")
    limited = ("rotate_tokens", "--limit", "1", "--evidence", evidence)
    assert manage(*limited, database_url=database_url).returncode == 3
    holder = hold("tickets_ticket")
    waiting = [
        manage.start(*words, database_url=database_url)
        for words in (
            ("rotate_tokens",),
            ("rotate_tokens", "--report"),
            ("rotate_tokens", "--report", "--exact", "--format", "json"),
            ("rotate_tokens", "--dry-run"),
            ("rotate_tokens", "--only", listed),
            ("rotate_tokens", "--issued-before", "now"),
            ("check", "--database", "default"),
            ("verify_tokens", listed),
            ("verify_evidence", evidence),
            ("clean_up_tokens",),
        )
    ]
    for process in waiting:
        stdout, stderr = process.communicate(timeout=120)
        assert process.returncode == 1, stdout + stderr
        assert "Traceback" not in stderr
        (line,) = [line for line in stderr.splitlines() if "others keep a table locked" in line]
        assert named(holder, "tickets_ticket") in line
        assert line.endswith(
            "This look changed nothing: run the command again when the lock is gone"
        )
    holder.rollback()
    assert pending(tickets) == ROWS - 1


def test_a_search_of_every_table_leaves_a_locked_one_out_and_says_who_holds_it(
    manage: Manage, database_url: str, tickets: Any, hold: Callable[[str], Any], tmp_path: Path
) -> None:
    listed = tmp_path / "leaked.txt"
    listed.write_text("00000000-0000-4000-8000-000000000000\n")
    holder = hold("tickets_ticket")
    searched = manage("verify_tokens", "--everywhere", str(listed), database_url=database_url)
    assert searched.returncode == 1
    left_out = f"another session kept it locked: {named(holder, 'tickets_ticket')}"
    assert left_out in searched.stdout


def test_who_locks_many_other_tables_does_not_hide_who_locks_this_one(
    manage: Manage, database_url: str, tickets: Any, hold: Callable[[str], Any]
) -> None:
    others = [f"bystander{number}" for number in range(7)]
    tickets.cursor().execute("".join(f"CREATE TABLE {each} (); " for each in others))
    bystander = hold(", ".join(others))
    holder = hold("tickets_ticket")
    report = manage("rotate_tokens", "--report", database_url=database_url)
    assert report.returncode == 1
    assert "bystander0, bystander1, bystander2 and 4 more by pid " in report.stderr
    assert named(holder, "tickets_ticket").removeprefix("locked: ") in report.stderr
    bystander.rollback()


@pytest.mark.parametrize("words", [("--report",), ("--dry-run",), ()])
def test_a_lock_that_goes_in_time_delays_a_command_and_nothing_else(
    manage: Manage,
    database_url: str,
    tickets: Any,
    hold: Callable[[str], Any],
    words: tuple[str, ...],
) -> None:
    holder = hold("tickets_ticket")
    process = manage.start("rotate_tokens", *words, database_url=database_url)
    until(lambda: value(tickets, WAITING) == 1)
    holder.rollback()
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (3 if words else 0, "")
    assert "locked" not in stdout


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_first_look_of_a_rotation_that_waits_for_a_lock(
    manage: Manage,
    database_url: str,
    tickets: Any,
    hold: Callable[[str], Any],
    signum: signal.Signals,
) -> None:
    hold("tickets_ticket")
    process = manage.start("rotate_tokens", database_url=database_url)
    until(lambda: value(tickets, WAITING) == 1)
    process.send_signal(signum)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 3, stdout + stderr
    assert "0 tokens rotated" in stdout
    assert "Stopped on request; how much is pending now is unknown" in stdout
    assert len(stdout.splitlines()) == 1


def test_a_signal_ends_a_report_that_waits_for_a_lock(
    manage: Manage, database_url: str, tickets: Any, hold: Callable[[str], Any]
) -> None:
    hold("tickets_ticket")
    process = manage.start("rotate_tokens", "--report", database_url=database_url)
    until(lambda: value(tickets, WAITING) == 1)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM


@pytest.mark.parametrize(
    ("words", "table"),
    [
        (("prune_retired_tokens", "--older-than", "1"), "token_rotation_retiredtoken"),
        (("replay_rotated_tokens", "--since", "2h ago"), "tickets_ticket"),
    ],
)
def test_what_tries_again_says_who_holds_the_table_and_hears_a_signal(
    manage: Manage,
    database_url: str,
    tickets: Any,
    hold: Callable[[str], Any],
    tmp_path: Path,
    words: tuple[str, ...],
    table: str,
) -> None:
    listening = "tests.projects.listening.settings"
    heard = {"DJANGO_SETTINGS_MODULE": listening, "HEARD": str(tmp_path / "heard")}
    holder = hold(table)
    process = manage.start(*words, database_url=database_url, env=heard)
    assert process.stderr is not None
    assert named(holder, table) in process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 3, stdout + stderr
    assert "Stopped before the end" in stdout


def test_stop_behind_locked_records_ends_in_bounded_time_and_says_who_holds_them(
    manage: Manage, database_url: str, tickets: Any, hold: Callable[[str], Any]
) -> None:
    holder = hold("token_rotation_operation")
    stopped = manage("rotate_tokens", "--stop", database_url=database_url)
    assert stopped.returncode == 1
    (line,) = stopped.stderr.splitlines()
    assert named(holder, "token_rotation_operation") in line
    assert "Nothing was stopped" in line


def test_stop_waits_for_records_that_are_locked_for_a_while(
    manage: Manage, database_url: str, tickets: Any, hold: Callable[[str], Any]
) -> None:
    holder = hold("token_rotation_operation")
    process = manage.start("rotate_tokens", "--stop", database_url=database_url)
    until_a_statement_waits(tickets, "SET LOCAL")
    holder.rollback()
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (0, "")
    assert stdout == "No rotation is running on database 'default'.\n"


def test_the_reader_that_a_waiting_migration_queues_behind_is_named(
    manage: Manage,
    database_url: str,
    tickets: Any,
    connect: Callable[[str], Any],
) -> None:
    reader, migration = connect(database_url), connect(database_url)
    reader.cursor().execute("SET application_name = 'a long export'")
    reader.autocommit = migration.autocommit = False
    reader.cursor().execute("SELECT count(*) FROM tickets_ticket")
    with ThreadPoolExecutor(max_workers=1) as pool:
        waits = pool.submit(migration.cursor().execute, "LOCK TABLE tickets_ticket")
        until(lambda: value(tickets, WAITING) == 1)
        ended = manage("rotate_tokens", "--dry-run", database_url=database_url)
        reader.rollback()
        waits.result(timeout=60)
    assert ended.returncode == 1
    assert f"tickets_ticket by pid {reader.info.backend_pid} (a long export" in ended.stderr
