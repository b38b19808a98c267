"""seed_tickets only ever adds rows, and makes leaked ones as the old application left them."""

import os
import pty
import re
import signal
import subprocess
import sys
import termios
from collections.abc import Callable
from typing import Any

from tests.support.manage import PROJECT, Manage
from tests.support.waiting import until

Connect = Callable[[str], Any]
MakeDatabase = Callable[..., str]


def tickets(connection: Any) -> tuple[int, int]:
    """All tickets, and those that are pending."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), count(*) - count(token_rotated_at) FROM tickets_ticket")
        row: tuple[int, int] = cursor.fetchone()
    return row


def all_tickets(connection: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM tickets_ticket")
        (rows,) = cursor.fetchone()
    return int(rows)


def assert_one_line(result: "subprocess.CompletedProcess[str]", *wanted: str) -> None:
    (line,) = result.stderr.splitlines()
    assert result.returncode == 1
    for words in wanted:
        assert words in line


def test_leaked_tickets_have_no_marker_although_the_guard_is_there(
    database_url: str, connect: Connect, manage: Manage
) -> None:
    result = manage("seed_tickets", "--size", "120", database_url=database_url)

    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert result.stdout == "Added 120 leaked and 0 fresh tickets.\n"
    assert tickets(connect(database_url)) == (120, 120)


def test_the_old_schema_can_be_seeded_and_everything_is_pending_after_migrate(
    make_database: MakeDatabase, connect: Connect, manage: Manage
) -> None:
    url = make_database("0001")

    result = manage("seed_tickets", "--size", "120", database_url=url)

    assert result.returncode == 0, result.stderr
    assert manage("migrate", database_url=url).returncode == 0
    assert tickets(connect(url)) == (120, 120)


SEED_AT_EVERY_STEP = """
from django.core.management import call_command
from tests.support.manage import PROJECT
steps = sorted(path.stem for path in (PROJECT / "migrations").glob("0*.py"))
for step in steps:
    call_command("migrate", "tickets", step, verbosity=0)
    call_command("seed_tickets", size=10)
"""


def test_leaked_tickets_can_be_made_at_every_step_of_the_migration(
    make_database: MakeDatabase, connect: Connect, manage: Manage
) -> None:
    url = make_database("zero")

    result = manage("shell", "--verbosity", "0", "-c", SEED_AT_EVERY_STEP, database_url=url)

    assert result.returncode == 0, result.stderr
    steps = len(list((PROJECT / "migrations").glob("0*.py")))
    assert result.stdout == steps * "Added 10 leaked and 0 fresh tickets.\n"
    assert tickets(connect(url)) == (10 * steps, 10 * steps)


def test_fresh_tickets_come_from_the_insert_guard(
    database_url: str, connect: Connect, manage: Manage
) -> None:
    result = manage("seed_tickets", "--size", "5", "--fresh", "7", database_url=database_url)

    assert result.returncode == 0, result.stderr
    assert result.stdout == "Added 5 leaked and 7 fresh tickets.\n"
    assert tickets(connect(database_url)) == (12, 5)


def test_more_than_one_chunk_is_added_completely(
    database_url: str, connect: Connect, manage: Manage
) -> None:
    manage("seed_tickets", "--size", "25001", database_url=database_url)

    assert tickets(connect(database_url)) == (25_001, 25_001)


def test_the_guard_is_at_work_again_after_seeding(
    database_url: str, connect: Connect, manage: Manage
) -> None:
    manage("seed_tickets", "--size", "5", database_url=database_url)
    connection = connect(database_url)

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tickets_ticket (subject, status, created_at, token, token_rotated_at)"
            " VALUES ('x', 'open', now(), gen_random_uuid(), NULL)"
        )

    assert tickets(connection) == (6, 5)


def test_seeding_again_adds_to_what_is_there(
    database_url: str, connect: Connect, manage: Manage
) -> None:
    manage.each(
        ("seed_tickets", "--size", "5"), ("seed_tickets", "--size", "6"), database_url=database_url
    )

    assert tickets(connect(database_url)) == (11, 11)


def test_reset_without_yes_deletes_and_adds_nothing(
    database_url: str, connect: Connect, manage: Manage
) -> None:
    _, result = manage.each(
        ("seed_tickets", "--size", "5"),
        ("seed_tickets", "--size", "6", "--reset"),
        database_url=database_url,
    )

    assert_one_line(result, "Nothing was deleted or added", "--yes")
    assert tickets(connect(database_url)) == (5, 5)


def test_reset_with_yes_replaces_the_tickets(
    database_url: str, connect: Connect, manage: Manage
) -> None:
    _, result = manage.each(
        ("seed_tickets", "--size", "5"),
        ("seed_tickets", "--size", "6", "--reset", "--yes"),
        database_url=database_url,
    )

    assert result.returncode == 0, result.stderr
    assert tickets(connect(database_url)) == (6, 6)


def test_reset_of_an_empty_table_needs_no_yes(
    database_url: str, connect: Connect, manage: Manage
) -> None:
    result = manage("seed_tickets", "--size", "6", "--reset", database_url=database_url)

    assert result.returncode == 0, result.stderr
    assert tickets(connect(database_url)) == (6, 6)


def test_reset_gives_way_to_a_transaction_that_uses_the_table(
    database_url: str, connect: Connect, manage: Manage
) -> None:
    manage("seed_tickets", "--size", "5", database_url=database_url)
    application = connect(database_url)
    with application.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT count(*) FROM tickets_ticket")

    result = manage("seed_tickets", "--size", "6", "--reset", "--yes", database_url=database_url)

    assert_one_line(result, "lock timeout", "0 tickets were added")
    assert tickets(application) == (5, 5)


BAD_ARGUMENTS = [
    (["--size", "0"], "--size"),
    (["--size=-5"], "--size"),
    (["--size", "many"], "--size"),
    (["--size", "1.5"], "--size"),
    (["--fresh", "0"], "--fresh"),
    (["--fresh", "x"], "--fresh"),
    (["--database", "elsewhere"], "elsewhere"),
    (["--sizes"], "--sizes"),
]


def test_bad_arguments_are_one_line_and_nothing_is_written(
    database_url: str, connect: Connect, manage: Manage
) -> None:
    commands = [("seed_tickets", *arguments) for arguments, _ in BAD_ARGUMENTS]
    results = manage.each(*commands, database_url=database_url)

    for result, (_, wanted) in zip(results, BAD_ARGUMENTS, strict=True):
        assert_one_line(result, wanted, "Nothing was done")
    assert tickets(connect(database_url)) == (0, 0)


def test_without_a_table_one_line_names_migrate(
    make_database: MakeDatabase, manage: Manage
) -> None:
    result = manage("seed_tickets", database_url=make_database("zero"))

    assert_one_line(result, "tickets_ticket", "Nothing was added", "Run migrate first")


def test_fresh_tickets_need_the_guard(
    make_database: MakeDatabase, connect: Connect, manage: Manage
) -> None:
    url = make_database("0001")

    result = manage("seed_tickets", "--size", "5", "--fresh", "5", database_url=url)

    assert_one_line(result, "--fresh needs the insert guard", "Nothing was added")
    assert all_tickets(connect(url)) == 0


def test_what_the_database_refuses_is_one_line_without_the_row(
    database_url: str, connect: Connect, manage: Manage
) -> None:
    connection = connect(database_url)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE tickets_ticket ADD CONSTRAINT no_row CHECK (subject = '')")

    result = manage("seed_tickets", "--size", "5", database_url=database_url)

    assert_one_line(result, "the database refused", "no_row", "0 tickets were added")
    assert not re.search("[0-9a-f]{8}-[0-9a-f]{4}", result.stderr)
    assert tickets(connection) == (0, 0)


def test_ctrl_c_says_how_many_tickets_stay(
    database_url: str, connect: Connect, manage: Manage
) -> None:
    onlooker = connect(database_url)
    seed = manage.start("seed_tickets", "--size", "100000000", database_url=database_url)
    until(lambda: all_tickets(onlooker) > 0 or seed.poll() is not None)

    seed.send_signal(signal.SIGINT)
    output, errors = seed.communicate(timeout=60)

    assert "\nStopping after the running chunk; a second signal ends at once.\n" in errors
    assert seed.returncode == 3
    assert output == f"Stopped: {all_tickets(onlooker):,} tickets were added and stay.\n"


def test_a_terminal_gets_a_progress_bar(database_url: str) -> None:
    reading_end, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    with subprocess.Popen(
        [sys.executable, str(PROJECT / "manage.py"), "seed_tickets", "--size", "10"],
        cwd=PROJECT,
        env={**os.environ, "DATABASE_URL": database_url},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=terminal,
    ) as seed:
        os.close(terminal)
        shown = b""
        while chunk := _read(reading_end):
            shown += chunk
    os.close(reading_end)

    assert seed.returncode == 0
    assert b"100%" in shown
    assert b"10.0/10.0" in shown


def _read(reading_end: int) -> bytes:
    try:
        return os.read(reading_end, 1024)
    except OSError:  # Linux says so when the last process has closed the terminal
        return b""


def test_seeding_takes_the_same_memory_for_any_number(database_url: str) -> None:
    few, many = (_peak_memory_kib(database_url, rows) for rows in (1_000, 60_000))

    assert many < few * 1.15


def _peak_memory_kib(database_url: str, rows: int) -> int:
    seed = subprocess.Popen(
        [sys.executable, str(PROJECT / "manage.py"), "seed_tickets", "--size", str(rows)],
        cwd=PROJECT,
        env={**os.environ, "DATABASE_URL": database_url},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(seed.pid, 0)
    seed.returncode = os.waitstatus_to_exitcode(status)
    assert seed.returncode == 0
    return usage.ru_maxrss
