"""A run uses no more connections than it says."""

import time
from collections.abc import Callable
from typing import Any

from tests.support.leaked import leak, value
from tests.support.manage import Manage
from tests.support.waiting import until

OTHERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND backend_type = 'client backend' AND pid <> ALL (%s)"
)
BESIDE_VACUUM = (
    f"{OTHERS} AND EXISTS"
    " (SELECT FROM pg_stat_progress_vacuum WHERE relid = 'tickets_ticket'::regclass)"
)
WHILE_IT_ROTATES = (
    f"{OTHERS} AND EXISTS (SELECT FROM token_rotation_operation WHERE status = 'running')"
)


def test_two_workers_with_a_vacuum_and_a_locked_row_use_at_most_four_more(
    manage: Manage, database_url: str, connect: Callable[[str], Any]
) -> None:
    tickets, holder = connect(database_url), connect(database_url)
    leak(tickets, 120_000)
    tickets.cursor().execute("ALTER TABLE tickets_ticket SET (autovacuum_enabled = false)")
    words = ("rotate_tokens", "--workers", "2", "--wait-for-locks", "2", "--batch-rows", "500")
    said = manage(*words, "--dry-run", database_url=database_url).stdout
    assert "2 at a time, on up to 6 connections." in said
    without = manage(*words, "--dry-run", "--vacuum-every", "0", database_url=database_url).stdout
    assert "2 at a time, on up to 5 connections." in without
    onlookers = [tickets.get_backend_pid(), holder.get_backend_pid()]
    process = manage.start(*words, database_url=database_url)
    most = until(lambda: value(tickets, BESIDE_VACUUM, onlookers))
    assert most >= 3  # two workers and VACUUM; the record begins a second after them
    # Only now: nothing is vacuumed that died after the start of an open transaction.
    holder.cursor().execute("BEGIN; SELECT FROM tickets_ticket WHERE id = 120000 FOR UPDATE")
    while process.poll() is None:
        most = max(most, value(tickets, WHILE_IT_ROTATES, onlookers))
        time.sleep(0.002)  # or the looks take a core of those two that the rotation has
    said, _ = process.communicate()
    assert f"Rows stayed locked by others: pid {onlookers[1]}" in said
    assert most <= 6
