"""import_tickets as a real process: killed, raced and interrupted."""

import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.held_table import until_a_statement_waits
from tests.support.imported import (
    HEADER,
    assert_each_imported_once,
    last_operation,
    lines,
    stored,
)
from tests.support.leaked import value
from tests.support.manage import PROJECT, Manage
from tests.support.waiting import until

Connect = Callable[[str], Any]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tickets.csv"


def test_a_file_is_imported_with_a_record_and_again_without_a_change(
    file: Path, database_url: str, connect: Connect, manage: Manage
) -> None:
    file.write_text(HEADER + lines(2_500))
    tickets = connect(database_url)

    first = manage("import_tickets", str(file), database_url=database_url)
    operation = last_operation(tickets)
    again = manage("import_tickets", str(file), database_url=database_url)

    assert (first.returncode, again.returncode) == (0, 0)
    assert "Imported 2,500 tickets; 0 were there already, 0 bad lines." in first.stdout
    assert "Imported 0 tickets; 2,500 were there already, 0 bad lines." in again.stdout
    assert first.stderr == again.stderr == ""
    assert_each_imported_once(tickets, 2_500)
    assert operation["operation_type"] == "import_tickets"
    assert (operation["status"], operation["result"]) == ("finished", "successful")
    assert operation["progress_done"] == 2_500
    assert operation["input_data"]["file"] == str(file)
    output = operation["output_data"]
    assert (output["outcome"], output["imported"], output["chunks"]) == ("complete", 2_500, 3)
    assert output["last_line"] == 2_501


def test_killed_with_sigkill_and_run_again_there_are_no_duplicates_and_no_gaps(
    file: Path, database_url: str, connect: Connect, manage: Manage
) -> None:
    file.write_text(HEADER + lines(8_000))
    tickets = connect(database_url)
    for killed_after in (100, 2_000):
        arguments = ("import_tickets", str(file), "--chunk-rows", "100")
        process = manage.start(*arguments, database_url=database_url)
        until(lambda after=killed_after: stored(tickets) > after)  # type: ignore[misc]
        process.kill()
        process.communicate()
        assert last_operation(tickets)["status"] == "running"

    result = manage("import_tickets", str(file), database_url=database_url)

    assert result.returncode == 0
    assert_each_imported_once(tickets, 8_000)


def test_two_imports_of_one_file_at_once_make_no_duplicates_and_count_truly(
    file: Path, database_url: str, connect: Connect, manage: Manage
) -> None:
    file.write_text(HEADER + lines(5_000))
    tickets = connect(database_url)

    both = [
        manage.start("import_tickets", str(file), "--chunk-rows", "200", database_url=database_url)
        for _ in range(2)
    ]
    errors = [process.communicate(timeout=120)[1] for process in both]

    assert errors == ["", ""]
    assert [process.returncode for process in both] == [0, 0]
    assert_each_imported_once(tickets, 5_000)
    imported = "SELECT sum((output_data->>'imported')::int) FROM token_rotation_operation"
    assert value(tickets, imported) == 5_000


@pytest.fixture
def endless(
    database_url: str, manage: Manage, connect: Connect, tmp_path: Path
) -> Callable[[], "subprocess.Popen[str]"]:
    """endless() starts an import from a pipe whose writer never ends it, after the first chunk."""

    def start() -> "subprocess.Popen[str]":
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        process = manage.start(
            "import_tickets", str(fifo), "--chunk-rows", "5", database_url=database_url
        )
        writer = fifo.open("w")
        writer.write(HEADER + lines(12))
        writer.flush()
        writers.append(writer)
        tickets = connect(database_url)
        until(lambda: stored(tickets) == 10)
        return process

    writers: list[Any] = []
    yield start
    for writer in writers:
        writer.close()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_after_the_chunk_and_says_how_to_go_on(
    signum: signal.Signals, endless: Start, database_url: str, connect: Connect
) -> None:
    process = endless()

    process.send_signal(signum)
    output, errors = process.communicate(timeout=60)

    assert process.returncode == 3
    assert "Stopping after the running batch" in errors
    assert "Stopped after line 11. Run the same command again to go on" in output
    assert_each_imported_once(connect(database_url), 10)
    operation = last_operation(connect(database_url))
    assert (operation["status"], operation["result"]) == ("finished", "successful")
    assert operation["output_data"]["outcome"] == "stopped"


def test_a_stop_asked_for_through_the_record_ends_it(
    endless: Start, database_url: str, connect: Connect
) -> None:
    process = endless()

    with connect(database_url).cursor() as cursor:
        cursor.execute("UPDATE token_rotation_operation SET stop_requested_at = now()")
    process.communicate(timeout=60)

    assert process.returncode == 3
    assert last_operation(connect(database_url))["output_data"]["outcome"] == "stopped"


def test_an_import_whose_record_somebody_ended_adds_nothing_to_it(
    endless: Start, database_url: str, connect: Connect
) -> None:
    process = endless()

    with connect(database_url).cursor() as cursor:
        cursor.execute(
            "UPDATE token_rotation_operation"
            " SET status = 'finished', result = 'failed', finished_at = now()"
        )
    _, errors = process.communicate(timeout=60)

    (line,) = errors.splitlines()
    assert process.returncode == 1
    assert "somebody else ended the record of this import" in line
    assert stored(connect(database_url)) == 10


def test_while_nothing_comes_it_gives_signs_of_life(
    endless: Start, database_url: str, connect: Connect
) -> None:
    tickets = connect(database_url)
    process = endless()
    before = last_operation(tickets)["heartbeat_at"]

    until(lambda: last_operation(tickets)["heartbeat_at"] > before)

    process.kill()


def test_a_second_signal_rolls_the_chunk_back_that_waits_for_a_lock(
    file: Path, database_url: str, connect: Connect, manage: Manage
) -> None:
    file.write_text(HEADER + lines(3))
    holder, tickets = connect(database_url), connect(database_url)
    with holder.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE tickets_message IN SHARE MODE")
    process = manage.start("import_tickets", str(file), database_url=database_url)
    until_a_statement_waits(tickets, "SET LOCAL lock_timeout = 3000; INSERT INTO")

    process.send_signal(signal.SIGINT)
    assert process.stderr
    while "Stopping" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)

    assert process.returncode == 3
    assert "Stopped after line 0" in output
    assert stored(tickets) == 0


def test_a_connection_that_is_lost_is_one_line_and_a_later_run_goes_on(
    endless: Start, database_url: str, connect: Connect, manage: Manage, file: Path
) -> None:
    process = endless()
    tickets = connect(database_url)
    value(
        tickets,
        "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    _, errors = process.communicate(timeout=60)
    file.write_text(HEADER + lines(20))
    again = manage("import_tickets", str(file), database_url=database_url)

    (line,) = errors.splitlines()
    assert process.returncode == 1
    assert "10 tickets were imported. Run the same command again" in line
    assert again.returncode == 0
    assert_each_imported_once(tickets, 20)


def test_standard_input_is_read_to_its_end(database_url: str, connect: Connect) -> None:
    result = subprocess.run(
        [sys.executable, str(PROJECT / "manage.py"), "import_tickets", "-"],
        env={**os.environ, "DATABASE_URL": database_url},
        input=HEADER + lines(10),
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    assert_each_imported_once(connect(database_url), 10)


def test_without_its_tables_one_line_names_migrate(
    file: Path, database_url: str, connect: Connect, manage: Manage
) -> None:
    file.write_text(HEADER + lines(1))
    connect(database_url).cursor().execute("DROP TABLE tickets_importedticket")

    result = manage("import_tickets", str(file), database_url=database_url)

    (line,) = result.stderr.splitlines()
    assert result.returncode == 1
    assert "Nothing was imported. Run migrate first." in line


def test_a_terminal_gets_a_bar(file: Path, database_url: str) -> None:
    file.write_text(HEADER + lines(10))
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 120))
    with subprocess.Popen(
        [sys.executable, str(PROJECT / "manage.py"), "import_tickets", str(file)],
        env={**os.environ, "DATABASE_URL": database_url},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while block := os.read(ours, 1024):
                shown += block
        except OSError:  # Linux says so when the last process has closed the terminal
            pass
    os.close(ours)

    assert process.returncode == 0
    assert b"100%" in shown


def test_seeding_afresh_empties_what_was_imported_too(
    file: Path, database_url: str, connect: Connect, manage: Manage
) -> None:
    file.write_text(HEADER + lines(3))
    manage("import_tickets", str(file), database_url=database_url)

    result = manage("seed_tickets", "--size", "5", "--reset", "--yes", database_url=database_url)

    assert result.returncode == 0, result.stderr
    tickets = connect(database_url)
    assert value(tickets, "SELECT count(*) FROM tickets_ticket") == 5
    assert value(tickets, "SELECT count(*) FROM tickets_message") == stored(tickets) == 0


# Linux counts what a process was before exec towards its peak, so it is started by a small one.
STARTER = """
import resource, subprocess, sys
code = subprocess.call([sys.executable, "manage.py", "import_tickets", sys.argv[1]])
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
"""


def test_memory_is_the_same_for_eight_times_the_lines(
    file: Path, make_database: Callable[..., str]
) -> None:
    peaks = []
    for rows in (1_000, 8_000):
        file.write_text(HEADER + lines(rows))
        done = subprocess.run(
            [sys.executable, "-c", STARTER, str(file)],
            cwd=PROJECT,
            env={**os.environ, "DATABASE_URL": make_database()},
            capture_output=True,
            text=True,
            check=True,
        )
        code, peak = map(int, done.stderr.split())
        assert code == 0
        peaks.append(peak)

    assert max(peaks) < 1.15 * min(peaks)
