"""The pace of a running rotation is changed from outside."""

from collections.abc import Callable
from typing import Any

import pytest
from psycopg2.extras import Json

from tests.support.leaked import assert_each_token_changed_once, leak, pending, value
from tests.support.manage import Manage
from tests.support.waiting import until
from token_rotation.pacing.pace import Pace

ROWS = 3_000
RUNNING = "SELECT count(*) FROM token_rotation_operation WHERE status = 'running'"
LIVE = "SELECT live_data FROM token_rotation_operation WHERE status = 'running'"


@pytest.fixture
def tickets(database_url: str, connect: Callable[[str], Any]) -> Any:
    connection = connect(database_url)
    leak(connection, ROWS)
    return connection


def ask(tickets: Any, pace: Pace) -> None:
    with tickets.cursor() as cursor:
        cursor.execute(
            "UPDATE token_rotation_operation SET control_data = %s WHERE status = 'running'",
            [Json(pace.as_word())],
        )


def test_a_slow_rotation_is_made_fast_while_it_waits(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    # At this rate it would take 50 minutes.
    rotation = manage.start(
        *("rotate_tokens", "--max-rows-per-second", "1", "--batch-rows", "60"),
        database_url=database_url,
    )
    until(lambda: pending(tickets) < ROWS)
    ask(tickets, Pace(max_rows_per_second=None))
    stdout, stderr = rotation.communicate(timeout=60)
    assert rotation.returncode == 0, stdout + stderr
    assert "The pace was changed: no limit to the rate, traffic slower by at most 5 ms." in stdout
    assert_each_token_changed_once(tickets)


def test_a_fast_rotation_is_made_slow(manage: Manage, database_url: str, tickets: Any) -> None:
    rotation = manage.start(
        *("rotate_tokens", "--batch-rows", "10", "--pause-seconds", "0.05"),
        database_url=database_url,
    )
    until(lambda: value(tickets, RUNNING) == 1)
    ask(tickets, Pace(pause_seconds=3600))
    assert rotation.stdout is not None
    while "3600 s between batches" not in rotation.stdout.readline():
        assert rotation.poll() is None
    left = pending(tickets)
    assert 0 < left < ROWS
    assert manage("rotate_tokens", "--stop", database_url=database_url).returncode == 0
    assert rotation.wait(timeout=60) == 3
    assert left - pending(tickets) <= 10, "no more than the batch that was at work"


def test_a_running_rotation_says_what_it_waits_for(
    manage: Manage, database_url: str, tickets: Any, connect: Callable[[str], Any]
) -> None:
    application = connect(database_url)
    application.autocommit = False
    application.cursor().execute("SELECT FROM tickets_ticket WHERE id <= 5 FOR UPDATE")
    rotation = manage.start("rotate_tokens", database_url=database_url)
    until(lambda: value(tickets, RUNNING) == 1)
    until(lambda: "row locks held by pid" in str(value(tickets, LIVE)))
    application.rollback()
    rotation.communicate(timeout=60)
    assert rotation.returncode == 0
    assert_each_token_changed_once(tickets)
