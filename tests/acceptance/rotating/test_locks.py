"""A rotation and traffic that want the same rows: who waits, for how long, and who gives way."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.leaked import assert_each_token_changed_once, leak, pending, value
from tests.support.manage import Manage
from tests.support.waiting import until

ROWS = 1_000
BATCH_ROWS = 50

SLEEP = """
CREATE FUNCTION take_time() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep({seconds}); RETURN NEW; END $$;
CREATE TRIGGER take_time BEFORE UPDATE OF token ON tickets_ticket FOR EACH ROW {when}
EXECUTE FUNCTION take_time();
"""
FIRST_PENDING = "SELECT min(id) FROM tickets_ticket WHERE token_rotated_at IS NULL"
ASLEEP = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE wait_event = 'PgSleep' AND datname = current_database()"
)
WRITE = "UPDATE tickets_ticket SET subject = 'written' WHERE id = %s"


@pytest.fixture
def tickets(database_url: str, connect: Callable[[str], Any]) -> Any:
    connection = connect(database_url)
    leak(connection, ROWS)
    return connection


def test_a_write_to_a_row_of_the_running_batch_waits_for_that_batch_and_no_other(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    tickets.cursor().execute(SLEEP.format(seconds=0.005, when=""))
    process = manage.start(
        "rotate_tokens", "--batch-rows", str(BATCH_ROWS), database_url=database_url
    )
    until(lambda: pending(tickets) < ROWS)
    rotated_meanwhile = []

    def waits() -> bool:
        """Write to the next row; whether a batch had it, and not a rest between two."""
        before = pending(tickets)
        tickets.cursor().execute(WRITE, [value(tickets, FIRST_PENDING)])
        rotated_meanwhile.append(before - pending(tickets))
        return rotated_meanwhile[-1] >= BATCH_ROWS

    until(waits)
    # The batch that was waited for, and one or two that ended while the rows were counted.
    assert max(rotated_meanwhile) <= 3 * BATCH_ROWS
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stdout + stderr
    assert_each_token_changed_once(tickets)


@pytest.mark.parametrize("batch_seconds", [0.3, 1.5])  # deadlock_timeout is 1 s
def test_traffic_that_locks_rows_in_another_order_gets_its_rows_and_no_deadlock(
    manage: Manage,
    database_url: str,
    tickets: Any,
    connect: Callable[[str], Any],
    batch_seconds: float,
) -> None:
    tickets.cursor().execute(SLEEP.format(seconds=batch_seconds, when="WHEN (OLD.id = 1)"))
    traffic = connect(database_url)
    traffic.autocommit = False
    traffic.cursor().execute(WRITE, [2])
    process = manage.start("rotate_tokens", database_url=database_url)
    until(lambda: value(tickets, ASLEEP) == 1)  # it holds row 1 and will want row 2
    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(traffic.cursor().execute, WRITE, [1]).result(timeout=60)
    traffic.commit()
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stdout + stderr
    assert "40P01" not in stdout + stderr
    assert value(tickets, "SELECT count(*) FROM tickets_ticket WHERE subject = 'written'") == 2
    assert_each_token_changed_once(tickets)


@pytest.mark.parametrize("progress", ["bar", "lines"])
def test_a_row_that_stays_locked_is_waited_for_aloud_and_ends_the_command_with_exit_code_3(
    manage: Manage, database_url: str, tickets: Any, connect: Callable[[str], Any], progress: str
) -> None:
    holder = connect(database_url)
    holder.autocommit = False
    holder.cursor().execute(WRITE, [7])
    held_by = f"pid {holder.info.backend_pid} (idle in transaction, transaction open "
    ended = manage(
        *("rotate_tokens", "--wait-for-locks", "1", "--progress", progress),
        database_url=database_url,
    )
    assert ended.returncode == 3
    shown = ended.stderr if progress == "bar" else ended.stdout
    assert f"waiting: row locks held by {held_by}" in shown
    closing = ended.stdout.splitlines()[-1]
    assert held_by in closing
    assert "1 pending. To go on: python manage.py rotate_tokens" in closing
    holder.rollback()
    assert manage("rotate_tokens", database_url=database_url).returncode == 0
    assert_each_token_changed_once(tickets)
