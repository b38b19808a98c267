"""Behind PgBouncer in transaction pooling a rotation works, and leaves no state in a session."""

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2 import sql
from pytest_django.plugin import DjangoDbBlocker

from tests.support.aliases import alias_of
from tests.support.databases import make_server_directory
from tests.support.download import Download
from tests.support.leaked import assert_each_token_changed_once, leak, pending, value
from tests.support.manage import Manage
from tests.support.waiting import until
from tests.support.web_server import WebServer
from tickets.config.embedded.account import ServerAccount
from token_rotation.events import Event
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.silence.bounds import SilenceBounds

ROWS = 10_000
POOL_SIZE = 2
RUNS = 3

# Debian keeps it out of an ordinary account's path.
PGBOUNCER = shutil.which(
    "pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
)

pytestmark = pytest.mark.skipif(
    PGBOUNCER is None, reason="pgbouncer is not installed: apt-get install pgbouncer"
)

SERVED = """
CREATE TABLE served (pid int NOT NULL);
CREATE FUNCTION note_server_connection() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO served VALUES (pg_backend_pid());
    RETURN NULL;
END $$;
CREATE TRIGGER served AFTER UPDATE ON tickets_ticket
FOR EACH STATEMENT EXECUTE FUNCTION note_server_connection();
"""

ADVISORY_LOCKS = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)

# PgBouncer itself follows these from client to client.
FOLLOWED = {
    "application_name",
    "client_encoding",
    "DateStyle",
    "IntervalStyle",
    "standard_conforming_strings",
    "TimeZone",
}

LEFT_IN_A_SESSION = """
SELECT (SELECT count(*) FROM pg_prepared_statements),
       (SELECT count(*) FROM pg_cursors WHERE name <> ''),
       (SELECT count(*) FROM pg_listening_channels()),
       (SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema())
"""

TIMEOUTS = "SELECT name, setting FROM pg_settings WHERE name ~ '_timeout$|^enable_' ORDER BY name"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def pooled_url(database_url: str) -> Iterator[str]:
    """URL of the same database through a PgBouncer with two server connections."""
    directory = make_server_directory()
    port = free_port()
    process, log = start_pgbouncer(directory, port, database_url)
    url = f"postgresql://whoever@127.0.0.1:{port}/pooled"
    try:
        until(lambda: process.poll() is not None or accepts_connections(url))
        assert process.poll() is None, log.read_text()
        yield url
    finally:
        process.terminate()
        process.wait(timeout=60)
        shutil.rmtree(directory)


def start_pgbouncer(
    directory: Path, port: int, database_url: str
) -> tuple["subprocess.Popen[bytes]", Path]:
    """As the account that may reach the server's socket; it refuses to run as root."""
    account = ServerAccount.for_this_process()
    # Everybody at this port becomes the test server's user.
    server = psycopg2.extensions.parse_dsn(database_url)
    known = ("host", "port", "dbname", "user", "password")
    target = " ".join(f"{name}='{server[name]}'" for name in known if name in server)
    configuration = directory / "pgbouncer.ini"
    configuration.write_text(
        f"""
        [databases]
        pooled = {target}
        [pgbouncer]
        listen_addr = 127.0.0.1
        listen_port = {port}
        unix_socket_dir =
        auth_type = any
        pool_mode = transaction
        default_pool_size = {POOL_SIZE}
        max_client_conn = 100
        """.replace("        ", "")
    )
    log = directory / "log"
    log.touch()
    for path in (directory, configuration, log):
        account.own(path)
    configuration.chmod(0o600)  # it may hold a password
    with log.open("w") as said:
        process = subprocess.Popen(
            [str(PGBOUNCER), str(configuration)],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            cwd="/",
            **account.process_options(),
        )
    return process, log


def accepts_connections(url: str) -> bool:
    try:
        psycopg2.connect(url).close()
    except psycopg2.OperationalError:
        return False
    return True


def on_every_server_connection(url: str, query: str) -> list[Any]:
    """The rows of a query on each of the pool's connections: each is held by a transaction."""
    clients = [psycopg2.connect(url) for _ in range(POOL_SIZE)]
    try:
        answers = {}
        for client in clients:
            with client.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                (pid,) = cursor.fetchone()
                cursor.execute(query)
                answers[pid] = cursor.fetchall()
        assert len(answers) == POOL_SIZE
        return list(answers.values())
    finally:
        for client in clients:
            client.close()


def test_several_runs_at_once_share_two_server_connections_and_leave_nothing_in_them(
    pooled_url: str, database_url: str, manage: Manage, connect: Callable[[str], Any]
) -> None:
    tickets = connect(database_url)
    leak(tickets, ROWS)
    tickets.cursor().execute(SERVED)
    with tickets.cursor() as cursor:
        cursor.execute(TIMEOUTS)
        defaults = cursor.fetchall()
    started = [
        manage.start(
            *("rotate_tokens", "--batch-rows", "50", "--pause-seconds", "0.002"),
            database_url=pooled_url,
        )
        for _ in range(RUNS)
    ]
    advisory_locks = []

    def looked_and_over(over: Callable[[], bool]) -> bool:
        advisory_locks.append(value(tickets, ADVISORY_LOCKS))
        return over()

    until(lambda: looked_and_over(lambda: pending(tickets) < ROWS))
    report = manage("rotate_tokens", "--report", database_url=pooled_url)
    assert report.returncode in (0, 3), report.stderr
    until(
        lambda: looked_and_over(lambda: all(each.poll() is not None for each in started)),
        timeout_seconds=240,
    )
    for process in started:
        stdout, stderr = process.communicate()
        assert process.returncode == 0, stdout + stderr
    assert set(advisory_locks) == {0}
    assert_each_token_changed_once(tickets)

    # Fewer than there were runs, so one connection did the batches of several.
    assert 1 <= value(tickets, "SELECT count(DISTINCT pid) FROM served") <= POOL_SIZE < RUNS

    for settings in on_every_server_connection(pooled_url, TIMEOUTS):
        assert settings == defaults
    changed = "SELECT name FROM pg_settings WHERE source = 'session'"
    for names in on_every_server_connection(pooled_url, changed):
        assert {name for (name,) in names} <= FOLLOWED
    assert on_every_server_connection(pooled_url, LEFT_IN_A_SESSION) == [[(0, 0, 0, 0)]] * POOL_SIZE


def test_rows_that_others_hold_are_waited_for_and_their_holder_is_named(
    pooled_url: str, database_url: str, manage: Manage, connect: Callable[[str], Any]
) -> None:
    leak(connect(database_url), 100)
    holder = connect(database_url)
    holder.autocommit = False
    value(holder, "SELECT id FROM tickets_ticket WHERE id = 7 FOR UPDATE")
    ended = manage("rotate_tokens", "--wait-for-locks", "1.5", database_url=pooled_url)
    assert ended.returncode == 3, ended.stderr
    assert f"pid {holder.info.backend_pid} (idle in transaction" in ended.stdout
    assert pending(connect(database_url)) == 1


def test_a_holder_that_takes_up_half_of_the_pool_does_not_block_the_run(
    pooled_url: str, database_url: str, manage: Manage, connect: Callable[[str], Any]
) -> None:
    leak(connect(database_url), 100)
    holder = connect(pooled_url)
    holder.autocommit = False
    value(holder, "SELECT id FROM tickets_ticket WHERE id = 7 FOR UPDATE")
    ended = manage("rotate_tokens", "--wait-for-locks", "1", database_url=pooled_url)
    assert ended.returncode == 3, ended.stderr
    assert "1 pending" in ended.stdout
    holder.rollback()
    assert manage("rotate_tokens", database_url=pooled_url).returncode == 0
    assert_each_token_changed_once(connect(database_url))


def test_a_run_is_stopped_through_the_pool(
    pooled_url: str, database_url: str, manage: Manage, connect: Callable[[str], Any]
) -> None:
    tickets = connect(database_url)
    leak(tickets, ROWS)
    process = manage.start(
        *("rotate_tokens", "--batch-rows", "10", "--pause-seconds", "0.05"),
        database_url=pooled_url,
    )
    until(lambda: pending(tickets) < ROWS)
    assert manage("rotate_tokens", "--stop", database_url=pooled_url).returncode == 0
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 3, stdout + stderr
    assert 0 < pending(tickets) < ROWS


def test_a_report_is_streamed_and_cancelled_through_the_pool(
    pooled_url: str, database_url: str, tmp_path: Path, connect: Callable[[str], Any]
) -> None:
    tickets = connect(database_url)
    env = {
        "DJANGO_SETTINGS_MODULE": "tests.projects.long_reports.settings",
        "DATABASE_DISABLE_SERVER_SIDE_CURSORS": "true",
    }
    server = WebServer(tmp_path, pooled_url, env)
    try:
        assert Download(server.port, "/long.csv?rows=5000").read_all().count("\n") == 5001
        gone = Download(server.port, "/slow.csv?rows=1&seconds=300")
        sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        until(lambda: value(tickets, sleeping) == 1)
        gone.close()
        until(lambda: value(tickets, sleeping) == 0, timeout_seconds=5)
    finally:
        server.stop()
    assert on_every_server_connection(pooled_url, LEFT_IN_A_SESSION) == [[(0, 0, 0, 0)]] * POOL_SIZE
    changed = "SELECT name FROM pg_settings WHERE source = 'session'"
    for names in on_every_server_connection(pooled_url, changed):
        assert {name for (name,) in names} <= FOLLOWED


def test_a_clean_up_that_the_pool_would_make_rough_is_left_out(
    pooled_url: str, database_url: str, manage: Manage, connect: Callable[[str], Any]
) -> None:
    tickets = connect(database_url)
    leak(tickets, 100)
    vacuums = "SELECT vacuum_count FROM pg_stat_all_tables WHERE relname = 'tickets_ticket'"
    vacuumed_before = value(tickets, vacuums)
    ended = manage("rotate_tokens", "--finish", database_url=pooled_url)
    assert ended.returncode == 0, ended.stderr
    assert "Skipped: a connection pooler drops the start-up options" in ended.stdout
    assert pending(tickets) == 0
    assert value(tickets, vacuums) == vacuumed_before


def test_lists_and_cut_offs_work_through_the_pool_and_leave_no_temporary_table(
    pooled_url: str,
    database_url: str,
    manage: Manage,
    connect: Callable[[str], Any],
    tmp_path: Path,
) -> None:
    tickets = connect(database_url)
    leak(tickets, 1_000)
    listed = tmp_path / "leaked.txt"
    with tickets.cursor() as cursor:
        cursor.execute("SELECT token FROM leaked WHERE id <= 500")
        listed.write_text("".join(f"{token}\n" for (token,) in cursor.fetchall()))
    commands = (
        ("verify_tokens", str(listed)),
        ("rotate_tokens", "--only", str(listed), "--workers", "2", "--batch-rows", "50"),
        ("verify_tokens", str(listed)),
        ("verify_tokens", str(listed), "--everywhere"),  # the table "leaked" has copies
        ("rotate_tokens", "--issued-before", "now", "--where", "id__gt=500"),
    )
    ended = manage.each(*commands, database_url=pooled_url)
    assert [done.returncode for done in ended] == [3, 0, 0, 3, 0], ended
    assert_each_token_changed_once(tickets)
    left = on_every_server_connection(pooled_url, LEFT_IN_A_SESSION)
    assert left == [[(0, 0, 0, 0)]] * POOL_SIZE


UNTIL_A_ROW_IS_KEPT = sql.SQL(
    "DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM kept) LOOP PERFORM pg_sleep(0.01); END LOOP; END $$"
)


@pytest.mark.parametrize("is_full", [False, True])
def test_a_long_statement_behind_a_pooler_is_not_taken_for_a_lost_one(
    pooled_url: str,
    database_url: str,
    connect: Callable[[str], Any],
    django_db_blocker: DjangoDbBlocker,
    is_full: bool,  # noqa: FBT001  (a parameter of the test)
) -> None:
    """Nobody knows its pid, and the question waits where no server connection is free."""
    bounds = SilenceBounds(
        ask_after_seconds=0.1, answer_seconds=0.1, unanswered_seconds=0.2, settled_seconds=0.0
    )
    told: list[Event] = []
    tickets = connect(database_url)
    tickets.cursor().execute("CREATE TABLE kept (id int)")
    with (
        alias_of("pooled", pooled_url),
        django_db_blocker.unblock(),
        ThreadPoolExecutor() as pool,
    ):
        connection = Connection("pooled", bounds=bounds, observe=told.append)
        connection.open()
        if is_full:
            others = connect(pooled_url)
            others.cursor().execute("BEGIN")
        long = pool.submit(connection.change, UNTIL_A_ROW_IS_KEPT)
        said = "a second connection asks why" if is_full else "PostgreSQL has worked on a statement"
        until(lambda: any(said in str(event) for event in told))
        tickets.cursor().execute("INSERT INTO kept VALUES (1)")
        long.result(timeout=60)
        connection.close()
