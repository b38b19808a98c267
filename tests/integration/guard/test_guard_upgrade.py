"""The guard of an earlier release is replaced, and comes back, while the table serves traffic."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any

import pytest

from tests.support import driver
from tests.support.leaked import assert_each_token_changed_once, leak, value
from tests.support.manage import Manage
from tests.support.rotations import RotationFactory
from tests.support.waiting import until
from tickets.models import Ticket
from token_rotation.engine.result import Outcome
from token_rotation.events import BatchDone, Event
from token_rotation.triggers.guard import guard
from token_rotation.triggers.retired import keep_retired

ROTATE = (
    "UPDATE tickets_ticket SET token = gen_random_uuid(), token_rotated_at = clock_timestamp()"
    " WHERE token_rotated_at IS NULL"
)
STALE = (
    "UPDATE tickets_ticket SET token = leaked.token, token_rotated_at = NULL FROM leaked"
    " WHERE leaked.id = tickets_ticket.id"
)
STILL_VALID = "SELECT count(*) FROM tickets_ticket JOIN leaked USING (token)"
TRIGGERS = (
    "SELECT string_agg(tgname || ' ' || (pg_get_triggerdef(oid) LIKE '%%wish%%'), ',' ORDER BY"
    " tgname) FROM pg_trigger WHERE tgrelid = 'tickets_ticket'::regclass"
    " AND tgname LIKE 'pgtrigger%%' AND tgname NOT LIKE 'pgtrigger_notice%%'"
)
INSERT_ROW = (
    "INSERT INTO tickets_ticket (id, subject, status, created_at, token)"
    " SELECT max(id) + 1, 'x', 'open', now(), {} FROM tickets_ticket"
)
SEES_PAST_ITS_SNAPSHOT = (
    "SELECT prosrc LIKE '%%transaction_isolation%%' FROM pg_proc"
    " WHERE proname = 'token_rotation_retire'"
)
INSERT, UPDATE = (trigger.get_pgid(Ticket) for trigger in Ticket._meta.triggers[:2])  # type: ignore[attr-defined]
BEFORE = "0009"
AFTER = "0011"


def test_an_upgrade_and_a_rollback_leave_no_moment_without_a_guard(
    database_url: str, connect: Callable[[str], Any], manage: Manage
) -> None:
    tickets = connect(database_url)
    leak(tickets, 5)
    tickets.cursor().execute(ROTATE)
    writer, migrating = connect(database_url), threading.Event()
    written: list[int] = []

    def save_stale_rows() -> None:
        while not (migrating.is_set() and written):
            writer.cursor().execute(STALE)
            written.append(value(writer, STILL_VALID))

    with ThreadPoolExecutor(max_workers=1) as pool:
        saving = pool.submit(save_stale_rows)
        try:
            for step, knows_wishes in ((BEFORE, "false"), (AFTER, "true"), (BEFORE, "false")):
                migrated = manage("migrate", "tickets", step, database_url=database_url)
                assert migrated.returncode == 0, migrated.stderr
                assert value(tickets, TRIGGERS) == f"{INSERT} false,{UPDATE} {knows_wishes}"
        finally:
            migrating.set()
        saving.result()
    assert set(written) == {0}


def test_the_guard_is_replaced_while_readers_hold_the_table_and_writers_wait(
    database_url: str, connect: Callable[[str], Any]
) -> None:
    tickets, reader, writer = (connect(database_url) for _ in range(3))
    leak(tickets, 5)
    tickets.cursor().execute(ROTATE)
    reader.autocommit = tickets.autocommit = False
    reader.cursor().execute("SELECT count(*) FROM tickets_ticket")
    for trigger in Ticket._meta.triggers:  # type: ignore[attr-defined]
        tickets.cursor().execute(str(trigger.compile(Ticket).install_sql))
    watch = connect(database_url)
    assert value(connect(database_url), "SELECT count(*) FROM tickets_ticket") == 5
    with ThreadPoolExecutor(max_workers=1) as pool:
        written = pool.submit(writer.cursor().execute, STALE)
        waits = "SELECT cardinality(pg_blocking_pids(%s))"
        until(lambda: value(watch, waits, writer.info.backend_pid))
        tickets.commit()
        written.result()
    assert value(watch, STILL_VALID) == 0


def test_a_rotation_goes_on_while_the_guard_is_taken_back_and_replaced(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 60)
    earlier = [
        import_module(f"migrations.{name}").Migration.operations[0].trigger.install_sql
        for name in ("0003_ticket_guard_insert", "0004_ticket_guard_update")
    ]
    later = [str(trigger.compile(Ticket).install_sql) for trigger in Ticket._meta.triggers]  # type: ignore[attr-defined]
    replacements = [earlier, later, earlier, later]

    def replace(event: Event) -> None:
        if isinstance(event, BatchDone) and replacements:
            for statements in replacements.pop(0):
                tickets.cursor().execute(statements)
            tickets.cursor().execute(STALE)

    result = rotation(replace, batch_rows=10).run()
    assert (result.outcome, replacements) == (Outcome.COMPLETE, [])
    assert_each_token_changed_once(tickets)


def test_todays_triggers_work_with_the_functions_of_each_release(
    database_url: str, connect: Callable[[str], Any], manage: Manage
) -> None:
    tickets = connect(database_url)
    leak(tickets, 1)
    for trigger in [*guard(accept="sent"), *keep_retired()]:
        tickets.cursor().execute(str(trigger.compile(Ticket).install_sql))
    tickets.cursor().execute(ROTATE)
    for step, sees_past_its_snapshot in (("0002", False), ("0003", True), ("0002", False)):
        migrated = manage("migrate", "token_rotation", step, database_url=database_url)
        assert migrated.returncode == 0, migrated.stderr
        tickets.cursor().execute(INSERT_ROW.format("gen_random_uuid()"))
        with pytest.raises(driver.errors.CheckViolation, match="is retired"):
            tickets.cursor().execute(INSERT_ROW.format("(SELECT token FROM leaked)"))
        assert value(tickets, SEES_PAST_ITS_SNAPSHOT) == sees_past_its_snapshot
    assert value(tickets, STILL_VALID) == 0
