"""migrate waits for its locks without making the application wait."""

import select
from collections.abc import Callable
from typing import Any

import pytest

from tests.held_table import hold_table, let_go
from tests.manage import Manage

LOCK_TIMEOUT_MS = 100  # the default of ROTATION_DDL_LOCK_TIMEOUT_MS
IMPATIENT = {"DJANGO_SETTINGS_MODULE": "tests.acceptance.impatient_settings"}

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


@pytest.mark.parametrize("before", ["0001", "0003", "0005", "0007"])
def test_migrate_waits_for_a_held_table_and_makes_no_query_wait_behind_it(
    before: str, make_database: MakeDatabase, connect: Connect, manage: Manage
) -> None:
    url = make_database(before)
    holder, traffic = connect(url), connect(url)
    with traffic.cursor() as cursor:
        # A query that queued behind a DDL's unbounded wait would fail: migrate's first line about
        # its waiting comes after far more than this.
        cursor.execute(f"SET lock_timeout = {LOCK_TIMEOUT_MS * 10}")
    hold_table(holder)

    migrate = manage.start("migrate", database_url=url)
    assert migrate.stderr is not None
    requests = 0
    while not select.select([migrate.stderr], [], [], 0)[0]:
        one_request(traffic)
        requests += 1
    line = migrate.stderr.readline()
    let_go(holder)
    _, errors = migrate.communicate(timeout=60)

    assert migrate.returncode == 0, errors
    assert line.startswith("tickets_ticket: waiting for a lock since")
    assert f"pid {holder.info.backend_pid} (idle in transaction" in line
    assert "INSERT" not in line
    assert requests > 0
    assert manage("migrate", "--check", database_url=url).returncode == 0


def test_migrate_that_gets_no_lock_ends_with_one_line_and_can_be_run_again(
    make_database: MakeDatabase, connect: Connect, manage: Manage
) -> None:
    url = make_database("0001")
    holder = connect(url)
    hold_table(holder)

    gave_up = manage("migrate", database_url=url, env=IMPATIENT)
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

    gave_up = manage("migrate", "tickets", target, database_url=url, env=IMPATIENT)
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
