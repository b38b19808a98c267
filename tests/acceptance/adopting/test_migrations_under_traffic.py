"""migrate waits for its locks without making the application wait."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from tests.support.held_table import hold_table, let_go
from tests.support.leaked import value
from tests.support.manage import Manage
from tests.support.migrated import unapplied
from tests.support.waiting import until

LOCK_TIMEOUT_MS = 100  # the default of TOKEN_ROTATION_DDL_LOCK_TIMEOUT_MS
ALLOWANCE_SECONDS = 3  # for a machine that does not run a backend at once when its time is up
HELD_SECONDS = 20
REQUEST_PAUSE_SECONDS = 0.05
LOOK_PAUSE_SECONDS = 0.03
GIVES_UP_SOON = {"DJANGO_SETTINGS_MODULE": "tests.acceptance.short_retry_settings"}

Connect = Callable[[str], Any]
MakeDatabase = Callable[..., str]


def one_request(traffic: Any) -> None:
    """What the old application does all day."""
    with traffic.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tickets_ticket (subject, status, created_at, token)"
            " VALUES ('x', 'open', now(), gen_random_uuid()) RETURNING id"
        )
        (ticket_id,) = cursor.fetchone()
        cursor.execute("SELECT subject FROM tickets_ticket WHERE id = %s", [ticket_id])
        cursor.execute("UPDATE tickets_ticket SET subject = 'y' WHERE id = %s", [ticket_id])


class Traffic:
    """The old application at work on one database, in a thread, until it is told to end."""

    def __init__(self, connection: Any) -> None:
        self.pid = connection.info.backend_pid
        self.requests = 0
        self._connection = connection
        self._end = Event()
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._running = self._pool.submit(self._run)

    def _run(self) -> None:
        while not self._end.wait(REQUEST_PAUSE_SECONDS):
            one_request(self._connection)
            self.requests += 1

    def end(self) -> None:
        """Raises what a request raised."""
        self._end.set()
        self._pool.shutdown()
        self._running.result()


class Migration:
    """``migrate`` from one state to the latest, its table held open by another transaction."""

    def __init__(self, url: str, connect: Connect, manage: Manage) -> None:
        self._onlooker = connect(url)
        self.holder = connect(url)
        hold_table(self.holder)
        self.traffic = Traffic(connect(url))
        self.process = manage.start("migrate", database_url=url)

    def waits_for_its_holder(self) -> bool:
        """Traffic waits behind it, not for the holder."""
        blocked = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"
        return bool(value(self._onlooker, blocked, self.holder.info.backend_pid))

    def assert_is_waiting(self) -> None:
        assert self.process.poll() is None
        assert self.traffic.requests > 0

    def assert_finishes(self) -> None:
        _, errors = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, errors
        line = errors.splitlines()[0]
        assert line.startswith("tickets_ticket: waiting for a lock since")
        assert f"pid {self.holder.info.backend_pid} (idle in transaction" in line
        assert "INSERT" not in errors
        assert unapplied(self.holder) == set()


def longest_wait_seconds(onlooker: Any, pids: list[int]) -> float:
    """Of the locks that these backends wait for at this moment, by the server's own clock."""
    with onlooker.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - waitstart)), 0)::float8"
            " FROM pg_locks WHERE NOT granted AND pid = ANY(%s)",
            [pids],
        )
        (seconds,) = cursor.fetchone()
    return float(seconds)


def test_with_the_table_held_for_20_seconds_no_query_waits_longer_than_the_lock_timeout(
    make_database: MakeDatabase, connect: Connect, manage: Manage
) -> None:
    """At once on four databases, so that each kind of step is the one that has to wait."""
    urls = [make_database(before) for before in ("0001", "0003", "0005", "0007")]
    onlooker = connect(urls[0])
    migrations = [Migration(url, connect, manage) for url in urls]
    pids = [migration.traffic.pid for migration in migrations]

    for migration in migrations:
        until(migration.waits_for_its_holder)
    waits = []
    held_until = time.monotonic() + HELD_SECONDS
    while time.monotonic() < held_until:
        waits.append(longest_wait_seconds(onlooker, pids))
        time.sleep(LOOK_PAUSE_SECONDS)
    for migration in migrations:
        migration.assert_is_waiting()
        let_go(migration.holder)
    for migration in migrations:
        migration.assert_finishes()
        migration.traffic.end()

    # Above 0: the looks are frequent enough to see queries wait.
    assert 0 < max(waits) < LOCK_TIMEOUT_MS / 1000 + ALLOWANCE_SECONDS


def test_migrate_that_gets_no_lock_ends_with_one_line_and_can_be_run_again(
    make_database: MakeDatabase, connect: Connect, manage: Manage
) -> None:
    url = make_database("0001")
    holder = connect(url)
    hold_table(holder)

    gave_up = manage("migrate", database_url=url, env=GIVES_UP_SOON)
    (line,) = gave_up.stderr.splitlines()

    assert gave_up.returncode == 1
    assert "tickets_ticket: no lock in 1 s" in line
    assert f"pid {holder.info.backend_pid}" in line
    assert "run migrate again" in line

    let_go(holder)
    assert manage("migrate", database_url=url).returncode == 0


@pytest.mark.parametrize(("before", "target"), [("0006", "0005"), ("latest", "0008")])
def test_going_backwards_waits_politely_too(
    before: str, target: str, make_database: MakeDatabase, connect: Connect, manage: Manage
) -> None:
    url = make_database(before)
    holder = connect(url)
    hold_table(holder)

    gave_up = manage("migrate", "tickets", target, database_url=url, env=GIVES_UP_SOON)
    assert gave_up.returncode == 1
    assert "tickets_ticket: no lock in 1 s" in gave_up.stderr
    let_go(holder)
    again = manage("migrate", "tickets", "zero", database_url=url)

    assert again.returncode == 0, again.stderr


def test_migrate_leaves_every_ticket_that_was_there_pending(
    make_database: MakeDatabase, connect: Connect, manage: Manage
) -> None:
    url = make_database("0001")
    tickets = connect(url)
    for _ in range(3):
        one_request(tickets)

    assert manage("migrate", database_url=url).returncode == 0

    with tickets.cursor() as cursor:
        cursor.execute("SELECT count(*), count(token_rotated_at) FROM tickets_ticket")
        assert cursor.fetchone() == (3, 0)
