"""Somebody holds a table that an import needs: it says who, hears signals, and ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from tests.support.held_table import named
from tests.support.impatient_imports import import_impatiently
from tests.support.imported import (
    HEADER,
    assert_each_imported_once,
    last_operation,
    lines,
    stored,
)
from tests.support.leaked import value
from tests.support.manage import Manage
from tests.support.waiting import until

Connect = Callable[[str], Any]

ROWS = 30
TABLES = (
    "tickets_ticket",
    "tickets_message",
    "tickets_importedticket",
    "token_rotation_operation",
    "auth_user",
    "django_content_type",
)
"""The last two since PostgreSQL opens what a foreign key refers to, also for NULL."""

OTHER_TABLES = f"""
SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables
WHERE schemaname = 'public' AND tablename <> ALL (ARRAY{list(TABLES)})
"""
WAITING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE wait_event_type = 'Lock' AND datname = current_database()"
)
RUNNING = "SELECT count(*) FROM token_rotation_operation WHERE status = 'running'"
HAS_BEATEN = RUNNING + " AND heartbeat_at > started_at"

WAITS_IN_A_CHUNK = """
CREATE FUNCTION wait_here() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
WHILE NOT pg_try_advisory_xact_lock(1) LOOP PERFORM pg_sleep(0.01); END LOOP; RETURN NEW;
END $$;
CREATE TRIGGER wait_here BEFORE INSERT ON tickets_message
FOR EACH STATEMENT EXECUTE FUNCTION wait_here();
"""
AUDITS = """
CREATE TABLE audit (id bigint);
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO audit VALUES (NEW.id); RETURN NEW; END $$;
CREATE TRIGGER audit BEFORE INSERT ON tickets_message FOR EACH ROW EXECUTE FUNCTION audit();
"""
ENDS_ITS_SESSION_AT_LINE_8 = """
CREATE FUNCTION hang_up() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
WHILE NOT pg_try_advisory_xact_lock_shared(1) LOOP PERFORM pg_sleep(0.01); END LOOP;
PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW;
END $$;
CREATE TRIGGER hang_up BEFORE INSERT ON tickets_message
FOR EACH ROW WHEN (NEW.body LIKE '%of 7') EXECUTE FUNCTION hang_up();
"""
IN_A_CHUNK = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE wait_event = 'PgSleep' AND datname = current_database()"
)


@pytest.fixture
def tickets(database_url: str, connect: Connect) -> Any:
    return connect(database_url)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "tickets.csv"
    file.write_text(HEADER + lines(ROWS))
    return file


@pytest.fixture
def repack(database_url: str, connect: Connect) -> Any:
    """A session that locks tables."""
    holder = connect(database_url)
    holder.cursor().execute("SET application_name = 'a repack'")
    holder.autocommit = False
    return holder


def lock(holder: Any, table: str) -> None:
    holder.cursor().execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")


def until_it_says(process: Popen[str], words: str) -> str:
    """The first line of stderr with the words."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        if words in line:
            return line
        said.append(line)
    raise AssertionError(f"it ended without a word of: {words}. It said: {said}")


def assert_run_again_it_imports_everything(
    manage: Manage, database_url: str, file: Path, tickets: Any
) -> None:
    result = manage("import_tickets", str(file), database_url=database_url)
    assert result.returncode == 0, result.stderr
    assert_each_imported_once(tickets, ROWS)


def test_an_import_needs_no_other_table(
    manage: Manage, database_url: str, file: Path, tickets: Any, repack: Any
) -> None:
    lock(repack, value(tickets, OTHER_TABLES))
    assert_run_again_it_imports_everything(manage, database_url, file, tickets)


@pytest.mark.parametrize("table", TABLES)
def test_an_import_behind_a_locked_table_names_it_and_its_holder_and_hears_the_first_signal(
    table: str, manage: Manage, database_url: str, file: Path, tickets: Any, repack: Any
) -> None:
    lock(repack, table)
    process = manage.start("import_tickets", str(file), database_url=database_url)
    line = until_it_says(process, "waiting: trying again for up to")
    assert named(repack, table) in line
    process.send_signal(signal.SIGTERM)
    stdout, stderr = process.communicate(timeout=60)
    repack.rollback()
    assert process.returncode == 3, stdout + stderr
    assert "Stopped" in stdout
    assert stored(tickets) == value(tickets, RUNNING) == 0
    assert_run_again_it_imports_everything(manage, database_url, file, tickets)


@pytest.mark.parametrize("table", ["tickets_ticket", "token_rotation_operation", "auth_user"])
def test_a_lock_that_goes_in_time_delays_an_import_and_nothing_else(
    table: str, manage: Manage, database_url: str, file: Path, tickets: Any, repack: Any
) -> None:
    lock(repack, table)
    process = manage.start("import_tickets", str(file), database_url=database_url)
    until(lambda: value(tickets, WAITING))
    repack.rollback()
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stdout + stderr
    assert_each_imported_once(tickets, ROWS)
    assert value(tickets, "SELECT count(*) FROM token_rotation_operation") == 1
    assert last_operation(tickets)["result"] == "successful"


@pytest.mark.parametrize("table", ["tickets_message", "token_rotation_operation"])
def test_a_lock_that_lasts_ends_an_import_in_one_line(
    table: str, manage: Manage, database_url: str, file: Path, tickets: Any, repack: Any
) -> None:
    lock(repack, table)
    process = import_impatiently(manage, database_url, str(file))
    stdout, stderr = process.communicate(timeout=60)
    repack.rollback()
    assert (process.returncode, stdout) == (1, ""), stderr
    (line,) = [line for line in stderr.splitlines() if not line.startswith("waiting: ")]
    assert line.startswith("CommandError: others keep a table locked (LockNotAvailable (55P03)")
    assert named(repack, table) in line
    assert "Nothing was imported." in line
    assert_run_again_it_imports_everything(manage, database_url, file, tickets)


def test_a_lock_behind_a_trigger_that_lasts_blames_no_line(
    manage: Manage, database_url: str, file: Path, tickets: Any, repack: Any
) -> None:
    tickets.cursor().execute(AUDITS)
    lock(repack, "audit")
    process = import_impatiently(manage, database_url, str(file), "--chunk-rows", "1")
    stdout, stderr = process.communicate(timeout=60)
    repack.rollback()
    assert (process.returncode, stdout) == (1, ""), stderr
    (line,) = [line for line in stderr.splitlines() if not line.startswith("waiting: ")]
    assert line.startswith("CommandError: others keep a table locked (LockNotAvailable (55P03)")
    assert named(repack, "audit") in line
    assert_run_again_it_imports_everything(manage, database_url, file, tickets)


def test_a_lock_that_comes_while_a_bad_line_is_looked_for_is_waited_for(
    manage: Manage, database_url: str, file: Path, tickets: Any, repack: Any
) -> None:
    tickets.cursor().execute(ENDS_ITS_SESSION_AT_LINE_8 + "SELECT pg_advisory_lock(1)")
    process = manage.start("import_tickets", str(file), database_url=database_url)
    until(lambda: value(tickets, IN_A_CHUNK))
    with ThreadPoolExecutor(max_workers=1) as pool:
        locked = pool.submit(lock, repack, "tickets_message")
        until(lambda: value(tickets, WAITING))
        tickets.cursor().execute("SELECT pg_advisory_unlock(1)")
        locked.result(timeout=60)
    until_it_says(process, "waiting: trying again for up to")
    repack.rollback()
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 3, stdout + stderr
    (line,) = [line for line in stderr.splitlines() if not line.startswith("waiting: ")]
    assert line.startswith("line 8: the database refused it: 3 connections were lost at it")
    assert stored(tickets) == ROWS - 1


def test_a_pid_that_holds_a_row_is_told(
    manage: Manage, database_url: str, file: Path, tickets: Any, repack: Any
) -> None:
    repack.cursor().execute(
        "INSERT INTO token_rotation_operation (key, operation_type, status, result, os_user, host,"
        " runner, progress_done) VALUES (gen_random_uuid(), 't', 'unprocessed', 'not available',"
        " '', '', '', 0);"
        "INSERT INTO tickets_importedticket (reference, digest, operation_id)"
        " SELECT 'r1', '', id FROM token_rotation_operation"
    )
    process = manage.start("import_tickets", str(file), database_url=database_url)
    until_it_says(process, f"for a lock that pid {repack.info.backend_pid} has")
    repack.rollback()
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stdout + stderr
    assert_each_imported_once(tickets, ROWS)


def test_a_heartbeat_behind_a_lock_hears_the_first_signal_and_says_what_is_not_recorded(
    manage: Manage, database_url: str, file: Path, tickets: Any, repack: Any, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    process = manage.start("import_tickets", str(pipe), database_url=database_url)
    with pipe.open("w") as writer:
        writer.write(HEADER)
        writer.flush()
        until(lambda: value(tickets, HAS_BEATEN))  # it may still begin when it is running
        lock(repack, "token_rotation_operation")
        line = until_it_says(process, "waiting: trying again for up to")
        assert named(repack, "token_rotation_operation") in line
        process.send_signal(signal.SIGTERM)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 3, stdout + stderr
    said = [line for line in stderr.splitlines() if "could not be recorded" in line]
    assert len(said) == 1, stdout + stderr
    assert named(repack, "token_rotation_operation") in said[0]
    assert "Imported 0 tickets" in stdout
    repack.rollback()
    assert_run_again_it_imports_everything(manage, database_url, file, tickets)


def start_and_lock_the_records_after_its_chunk(
    manage: Manage, database_url: str, file: Path, tickets: Any, repack: Any
) -> Popen[str]:
    """Start an import whose record is locked as soon as its one chunk has committed."""
    tickets.cursor().execute(WAITS_IN_A_CHUNK + "SELECT pg_advisory_lock(1)")
    process = manage.start("import_tickets", str(file), database_url=database_url)
    until(lambda: value(tickets, IN_A_CHUNK))
    with ThreadPoolExecutor(max_workers=1) as pool:
        locked = pool.submit(lock, repack, "token_rotation_operation")
        until(lambda: value(tickets, WAITING))
        tickets.cursor().execute("SELECT pg_advisory_unlock(1)")
        locked.result(timeout=60)
    return process


def test_the_end_of_an_import_is_recorded_when_the_lock_of_the_records_goes_in_time(
    manage: Manage, database_url: str, file: Path, tickets: Any, repack: Any
) -> None:
    process = start_and_lock_the_records_after_its_chunk(
        manage, database_url, file, tickets, repack
    )
    until(lambda: value(tickets, WAITING))
    repack.rollback()
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stdout + stderr
    assert (last_operation(tickets)["result"], value(tickets, RUNNING)) == ("successful", 0)


def test_a_signal_ends_the_wait_for_the_records_at_the_end_and_says_what_is_not_recorded(
    manage: Manage, database_url: str, file: Path, tickets: Any, repack: Any
) -> None:
    process = start_and_lock_the_records_after_its_chunk(
        manage, database_url, file, tickets, repack
    )
    line = until_it_says(process, "waiting: trying again for up to")
    assert named(repack, "token_rotation_operation") in line
    process.send_signal(signal.SIGTERM)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode in {0, 3}, stdout + stderr  # 3: the last heartbeat waits, too
    (line,) = [line for line in stderr.splitlines() if "could not be recorded" in line]
    assert named(repack, "token_rotation_operation") in line
    assert f"Imported {ROWS} tickets" in stdout
    repack.rollback()
    assert_run_again_it_imports_everything(manage, database_url, file, tickets)
