"""A server that falls silent, or waits for a standby for ever, ends no run without a word.

The times are the run's own, unlike in ``tests/integration/faults/test_silence.py``.
"""

import json
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from tests.support.databases import DatabaseFactory
from tests.support.leaked import assert_each_token_changed_once, leak, pending, value
from tests.support.manage import Manage
from tests.support.silent import own_cluster, read_until, server_stands_still, set_standby
from tests.support.stopped import standing_still
from tests.support.swallowing import SwallowingProxy
from tests.support.waiting import until
from tickets.config.embedded.cluster import PostgresCluster

pytestmark = pytest.mark.server_versions

ROWS = 5_000
STUCK_AT = 1_000
SLOWLY = ("rotate_tokens", "--batch-rows", "100", "--retry-seconds", "3")
SECONDS_AFTER_THE_SECOND_SIGNAL = 30.0
"""Five are promised, to a machine that does nothing else."""

ENDED_BY_FORCE = (-signal.SIGTERM, 128 + signal.SIGTERM)
"""A busy machine does not finish the ordinary end in time, either."""

STUCK = f"""
CREATE FUNCTION be_stuck() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep(600); RETURN NEW; END $$;
CREATE TRIGGER stuck BEFORE UPDATE ON tickets_ticket FOR EACH ROW
WHEN (OLD.id = {STUCK_AT}) EXECUTE FUNCTION be_stuck();
"""
STUCK_INSERT = """
CREATE FUNCTION be_stuck() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep(600); RETURN NEW; END $$;
CREATE TRIGGER stuck BEFORE INSERT ON tickets_ticket FOR EACH ROW EXECUTE FUNCTION be_stuck();
"""
STUCK_ANALYZE = """
CREATE FUNCTION be_stuck(id bigint) RETURNS bigint IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
IF current_setting('application_name') = 'rotate_tokens' THEN PERFORM pg_sleep(600); END IF;
RETURN id; END $$;
CREATE INDEX stuck ON tickets_ticket (be_stuck(id));
"""
STUCK_COMMIT = """
CREATE FUNCTION be_stuck() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep(600); RETURN NEW; END $$;
CREATE CONSTRAINT TRIGGER stuck AFTER INSERT ON tickets_message DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION be_stuck();
"""
STUCK_RECORD = """
CREATE FUNCTION be_stuck() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep(600); RETURN NEW; END $$;
CREATE TRIGGER stuck BEFORE UPDATE ON token_rotation_operation
FOR EACH ROW EXECUTE FUNCTION be_stuck();
"""
RUNNING = """
INSERT INTO token_rotation_operation (key, operation_type, status, result, os_user, host, runner,
    input_data, progress_done, started_at, heartbeat_at)
VALUES (gen_random_uuid(), 'rotation', 'running', 'not available', '', '', '',
    '{"model": "tickets.Ticket", "database": "default", "distributed": true}', 0, now(), now())
"""
HERE = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event"
ASLEEP = f"SELECT count(*) {HERE} = 'PgSleep'"
ASLEEP_PID = f"SELECT max(pid) {HERE} = 'PgSleep'"
WAITS_FOR_A_STANDBY = f"SELECT max(pid) {HERE} = 'SyncRep'"
WORKING_PID = """
SELECT max(pid) FROM pg_stat_activity
WHERE state = 'active' AND query LIKE '%UPDATE%tickets_ticket%' AND pid <> pg_backend_pid()
"""


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest) -> Iterator[PostgresCluster]:
    """A server of these tests' own, which they may stop."""
    yield from own_cluster(request)


@pytest.fixture(scope="module")
def databases(cluster: PostgresCluster, manage: Manage) -> DatabaseFactory:
    return DatabaseFactory(cluster.url(), manage)


@pytest.fixture
def url(databases: DatabaseFactory) -> str:
    return databases.create("latest")


@pytest.fixture
def tickets(url: str, connect: Callable[[str], Any]) -> Iterator[Any]:
    """Leaked tickets. The connection waits for no standby."""
    connection = connect(url)
    leak(connection, ROWS)
    yield connection
    set_standby(connection, "")


def end_with_two_signals(process: "Popen[str]") -> tuple[str, str]:
    """What it said after the first signal. It ends in time, or the test fails."""
    process.send_signal(signal.SIGTERM)
    read_until(process.stderr, "econd signal")
    process.send_signal(signal.SIGTERM)
    return process.communicate(timeout=SECONDS_AFTER_THE_SECOND_SIGNAL)


def assert_a_later_run_goes_on(manage: Manage, url: str, tickets: Any) -> None:
    result = manage("rotate_tokens", database_url=url)
    assert result.returncode == 0, result.stdout + result.stderr
    assert_each_token_changed_once(tickets)


def test_a_standby_that_is_gone_is_named_and_given_up_after_the_time_for_faults(
    manage: Manage, url: str, tickets: Any
) -> None:
    set_standby(tickets, "ghost")
    process = manage.start(*SLOWLY, "--progress", "json", database_url=url)
    until(lambda: "COMMIT waits for a synchronous standby" in live_status(tickets))
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 1
    waits = [line["reason"] for line in map(json.loads, stdout.splitlines()) if "reason" in line]
    assert any("synchronous_standby_names = 'ghost'" in reason for reason in waits)
    (line,) = [line for line in stderr.splitlines() if "CommandError" in line]
    assert "gave up after 3 s: a COMMIT waited for a synchronous standby" in line
    assert "The 100 rows rotated by this run are safe" in line
    assert "rolled back" not in stdout + stderr
    assert pending(tickets) == ROWS - 100
    set_standby(tickets, "")
    assert_a_later_run_goes_on(manage, url, tickets)


@pytest.mark.parametrize(
    "look", [("verify_tokens",), ("verify_tokens", "--everywhere"), ("rotate_tokens", "--dry-run")]
)
def test_a_look_at_a_list_waits_for_no_standby_that_is_gone(
    manage: Manage, url: str, tickets: Any, tmp_path: Path, look: tuple[str, ...]
) -> None:
    """A COMMIT of a temporary table would wait a minute for it, for each part of the list."""
    leaked = tmp_path / "leaked.txt"
    leaked.write_text(str(value(tickets, "SELECT token FROM tickets_ticket WHERE id = 7")) + "\n")
    set_standby(tickets, "ghost")
    named = (
        (look[0], "--only", str(leaked)) if look[0] == "rotate_tokens" else (look[0], str(leaked))
    )
    process = manage.start(*named, *look[1:], database_url=url)
    until(lambda: process.poll() is not None or value(tickets, WAITS_FOR_A_STANDBY))
    waits = value(tickets, WAITS_FOR_A_STANDBY)
    set_standby(tickets, "")
    stdout, stderr = process.communicate(timeout=120)
    assert waits is None
    assert process.returncode == 3, stdout + stderr
    assert "waits for a synchronous standby" not in stdout + stderr


def test_a_clean_up_says_that_it_waits_for_a_standby_that_is_gone(
    manage: Manage, url: str, tickets: Any
) -> None:
    assert_a_later_run_goes_on(manage, url, tickets)
    set_standby(tickets, "ghost")
    process = manage.start("clean_up_tokens", database_url=url)
    read_until(process.stderr, "waiting: COMMIT waits for a synchronous standby")
    set_standby(tickets, "")
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stderr
    assert "Cleaned up" in stdout


def live_status(connection: Any) -> str:
    query = "SELECT coalesce(string_agg(live_data::text, ''), '') FROM token_rotation_operation"
    return str(value(connection, query))


def test_two_signals_end_a_wait_for_a_standby_and_say_what_is_committed(
    manage: Manage, url: str, tickets: Any
) -> None:
    set_standby(tickets, "ghost")
    process = manage.start("rotate_tokens", "--batch-rows", "100", database_url=url)
    read_until(process.stdout, "COMMIT waits for a synchronous standby")
    stdout, stderr = end_with_two_signals(process)
    assert "committed on this server, and may be missing on the standby" in stdout
    assert "batch in flight" not in stderr
    if process.returncode not in ENDED_BY_FORCE:
        assert process.returncode == 3
        assert "100 tokens rotated" in stdout
    assert pending(tickets) == ROWS - 100
    set_standby(tickets, "")
    assert_a_later_run_goes_on(manage, url, tickets)


def test_a_server_that_stands_still_is_told_and_given_up_in_bounded_time(
    manage: Manage, cluster: PostgresCluster, url: str, tickets: Any
) -> None:
    tickets.cursor().execute(STUCK)
    process = manage.start(*SLOWLY, database_url=f"{url}&connect_timeout=2")
    until(lambda: value(tickets, ASLEEP))
    with server_stands_still(cluster):
        read_until(process.stdout, "a second connection asks why")
        _, stderr = process.communicate(timeout=180)
    assert process.returncode == 1
    assert "gave up after" in stderr
    assert "To go on: python manage.py rotate_tokens" in stderr
    tickets.cursor().execute("DROP FUNCTION be_stuck() CASCADE")
    assert_a_later_run_goes_on(manage, url, tickets)


@pytest.mark.parametrize("in_flight", ["UPDATE", "VACUUM", "INSERT"])
@pytest.mark.parametrize("stands_still", ["server", "backend"])
def test_two_signals_end_a_command_whatever_stands_still(
    manage: Manage,
    cluster: PostgresCluster,
    url: str,
    tickets: Any,
    tmp_path: Path,
    in_flight: str,
    stands_still: str,
) -> None:
    if in_flight == "UPDATE":
        tickets.cursor().execute(STUCK)
        command: tuple[str, ...] = SLOWLY
    elif in_flight == "INSERT":
        tickets.cursor().execute(STUCK_INSERT)
        file = tmp_path / "tickets.csv"
        file.write_text("reference,subject,body\nr1,Subject,Body\n")
        command = ("import_tickets", str(file))
    else:
        assert manage("rotate_tokens", database_url=url).returncode == 0
        tickets.cursor().execute(STUCK_ANALYZE)
        command = ("clean_up_tokens",)
    process = manage.start(*command, database_url=url)
    pid = until(lambda: value(tickets, ASLEEP_PID))
    still = server_stands_still(cluster) if stands_still == "server" else standing_still(pid)
    with still:
        _, stderr = end_with_two_signals(process)
    assert process.returncode in {1, 3, *ENDED_BY_FORCE}
    assert "Traceback" not in stderr
    if process.returncode in ENDED_BY_FORCE:
        assert "not known" in stderr
    if in_flight == "UPDATE":
        tickets.cursor().execute("DROP FUNCTION be_stuck() CASCADE")
        assert_a_later_run_goes_on(manage, url, tickets)


@pytest.fixture
def csv(tmp_path: Path, tickets: Any) -> str:
    """Three tickets. The leaked ones have taken no number from the sequence."""
    value(tickets, f"SELECT setval(pg_get_serial_sequence('tickets_ticket', 'id'), {ROWS})")
    file = tmp_path / "tickets.csv"
    file.write_text("reference,subject,body\nr1,S,B\nr2,S,B\nr3,S,B\n")
    return str(file)


def assert_a_later_import_goes_on(manage: Manage, url: str, csv: str, tickets: Any) -> None:
    result = manage("import_tickets", csv, database_url=url)
    assert result.returncode == 0, result.stdout + result.stderr
    assert value(tickets, "SELECT count(*) FROM tickets_message") == 3


def test_an_import_names_a_standby_that_is_gone_and_two_signals_end_it(
    manage: Manage, url: str, tickets: Any, csv: str
) -> None:
    set_standby(tickets, "ghost")
    process = manage.start("import_tickets", csv, "--chunk-rows", "1", database_url=url)
    read_until(process.stderr, "waiting: COMMIT waits for a synchronous standby")
    stdout, stderr = end_with_two_signals(process)
    assert "committed on this server, and may be missing on the standby" in stderr
    if process.returncode not in ENDED_BY_FORCE:
        assert process.returncode == 3
        assert "Imported 1 tickets" in stdout
    assert value(tickets, "SELECT count(*) FROM tickets_message") == 1
    set_standby(tickets, "")
    assert_a_later_import_goes_on(manage, url, csv, tickets)


RETIRED = """
INSERT INTO token_rotation_retiredtoken
SELECT sha256(convert_to(i::text, 'UTF8')), 'tickets_ticket.token', now() - interval '1 year'
FROM generate_series(1, 50) AS i
"""


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("import_tickets", "Stopped after line 2."),
        ("prune_retired_tokens", "Deleted the hashes of 50 tokens"),
    ],
)
def test_the_first_signal_says_that_a_commit_waits_for_a_standby_and_the_second_ends_it(
    manage: Manage, url: str, tickets: Any, csv: str, command: str, said: str
) -> None:
    tickets.cursor().execute(RETIRED)
    more = ("--older-than", "1") if command == "prune_retired_tokens" else (csv, "--chunk-rows=1")
    set_standby(tickets, "ghost")
    process = manage.start(command, *more, database_url=url)
    until(lambda: value(tickets, WAITS_FOR_A_STANDBY))
    process.send_signal(signal.SIGTERM)
    read_until(process.stderr, "a second signal ends ")
    read_until(process.stderr, "waiting: COMMIT waits for a synchronous standby")
    process.send_signal(signal.SIGTERM)
    stdout, stderr = process.communicate(timeout=SECONDS_AFTER_THE_SECOND_SIGNAL)
    assert "committed on this server, and may be missing on the standby" in stderr
    assert "Traceback" not in stderr
    if process.returncode not in ENDED_BY_FORCE:
        assert said in stdout
    imported = value(tickets, "SELECT count(*) FROM tickets_message")
    retired = value(tickets, "SELECT count(*) FROM token_rotation_retiredtoken")
    assert (imported, retired) == ((1, 50) if command == "import_tickets" else (0, 0))


def test_an_import_whose_server_stands_still_at_a_commit_ends_and_calls_it_not_known(
    manage: Manage, cluster: PostgresCluster, url: str, tickets: Any, csv: str
) -> None:
    tickets.cursor().execute(STUCK_COMMIT)
    process = manage.start("import_tickets", csv, database_url=f"{url}&connect_timeout=2")
    until(lambda: value(tickets, ASLEEP))
    with server_stands_still(cluster):
        read_until(process.stderr, "a second connection asks why")
        _, stderr = process.communicate(timeout=180)
    assert process.returncode == 1
    (line,) = [line for line in stderr.splitlines() if "CommandError" in line]
    assert "the server has said nothing for" in line
    assert "It is not known whether the chunk after line 0 was imported, too. Run the same" in line
    assert stderr.count("could not be recorded: ") == 1
    tickets.cursor().execute("DROP FUNCTION be_stuck() CASCADE")
    assert_a_later_import_goes_on(manage, url, csv, tickets)


def test_a_stop_waits_for_no_standby_that_is_gone(manage: Manage, url: str, tickets: Any) -> None:
    tickets.cursor().execute(RUNNING)
    set_standby(tickets, "ghost")
    stopped = manage("rotate_tokens", "--stop", database_url=url)
    assert stopped.returncode == 0, stopped.stderr
    assert value(tickets, "SELECT stop_requested_at IS NOT NULL FROM token_rotation_operation")


def test_a_stop_whose_server_stands_still_ends_and_calls_it_not_known(
    manage: Manage, cluster: PostgresCluster, url: str, tickets: Any
) -> None:
    tickets.cursor().execute(RUNNING + ";" + STUCK_RECORD)
    process = manage.start("rotate_tokens", "--stop", database_url=url)
    until(lambda: value(tickets, ASLEEP))
    with server_stands_still(cluster):
        read_until(process.stderr, "a second connection asks why")
        _, stderr = process.communicate(timeout=180)
    assert process.returncode == 1
    assert "It is not known whether running rotations were asked to stop: the server" in stderr
    assert "Traceback" not in stderr


def test_ctrl_c_ends_following_though_the_server_stands_still(
    manage: Manage, cluster: PostgresCluster, url: str, tickets: Any
) -> None:
    tickets.cursor().execute(RUNNING)
    process = manage.start("rotate_tokens", "--follow", database_url=url)
    read_until(process.stdout, "ranges at work")
    with server_stands_still(cluster):
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)  # the kernel may make one of two
        _, stderr = process.communicate(timeout=SECONDS_AFTER_THE_SECOND_SIGNAL)
    assert process.returncode in {3, -signal.SIGINT, 128 + signal.SIGINT}
    assert "Traceback" not in stderr


def test_a_run_goes_on_when_the_way_to_the_server_swallows_what_passes(
    manage: Manage, url: str, tickets: Any
) -> None:
    """A firewall forgets connections like that. New ones pass."""
    proxy = SwallowingProxy(url)
    try:
        process = manage.start(*SLOWLY, "--pause-seconds", "0.01", database_url=proxy.url)
        until(lambda: pending(tickets) < ROWS)
        proxy.swallow(new_ones=False)
        stdout, stderr = process.communicate(timeout=120)
    finally:
        proxy.close()
    assert process.returncode == 0, stdout + stderr
    assert re.search(r"retry 1 in .* the server says that it", stdout)
    assert_each_token_changed_once(tickets)
