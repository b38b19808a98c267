"""A gentle VACUUM cleans the table, or says why it does not."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import pytest
from django.db import connections

from tests.support.databases import unique_name
from tests.support.driver import sql
from tests.support.leaked import leak, value
from tests.support.waiting import until
from token_rotation.inspection import snapshots
from token_rotation.inspection.snapshots import next_transaction
from token_rotation.maintenance.vacuum import TableVacuum, Vacuumed
from token_rotation.postgres.autocommit_session import CANCELLED, COST_DELAY_MS
from token_rotation.postgres.connection import Connection
from token_rotation.selection.target import Target

ROWS = 5_000
AT_ONCE_AND_SLOWLY = (
    "autovacuum_enabled = true, "
    "autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0, "
    "autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1"
)
AUTOVACUUM_AT_WORK = (
    "SELECT min(pid) FROM pg_stat_activity WHERE datname = current_database()"
    " AND backend_type = 'autovacuum worker' AND query LIKE '%tickets_ticket'"
)
# ANALYZE computes what an index holds, in the session that vacuums.
NOTE_PACE = """
CREATE SEQUENCE noted_limit MINVALUE 0;
CREATE SEQUENCE noted_delay MINVALUE 0;
CREATE FUNCTION note_pace(id bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
    PERFORM setval('public.noted_limit', current_setting('vacuum_cost_limit')::bigint);
    PERFORM setval('public.noted_delay', setting::float8::bigint)
        FROM pg_settings WHERE name = 'vacuum_cost_delay' AND unit = 'ms';
    RETURN id;
END $$;
CREATE INDEX ON tickets_ticket (note_pace(id)) WHERE id < 5;
"""
NOTE_TIMEOUT = """
CREATE SEQUENCE noted_timeout MINVALUE 0 START 1;
CREATE FUNCTION note_timeout(id bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
    PERFORM setval('public.noted_timeout', setting::bigint)
        FROM pg_settings WHERE name = 'transaction_timeout';
    RETURN id;
END $$;
CREATE INDEX ON tickets_ticket (note_timeout(id)) WHERE id < 5;
SELECT setval('noted_timeout', 1);
"""
LOOKS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND query LIKE '%is_passing%' AND pid <> pg_backend_pid()"
)
TOUCH = "UPDATE tickets_ticket SET subject = subject || '!'"


@pytest.fixture
def tickets(tickets: Any) -> Any:
    """Without autovacuum, which would be on the table at a time of its own."""
    tickets.cursor().execute("ALTER TABLE tickets_ticket SET (autovacuum_enabled = false)")
    return tickets


def pages(tickets: Any) -> int:
    size: int = value(tickets, "SELECT pg_relation_size('tickets_ticket') / 8192")
    return size


@contextmanager
def as_role(target: Target, tickets: Any, privilege: str) -> Iterator[None]:
    """Connections of the target's alias act as a new role that has this one privilege."""
    role = unique_name("role")
    names = {"role": sql.Identifier(role), "privilege": sql.SQL(privilege)}
    options = connections[target.database].settings_dict["OPTIONS"]
    cursor = tickets.cursor()
    cursor.execute(sql.SQL("CREATE ROLE {role}").format(**names))
    try:
        cursor.execute(sql.SQL("GRANT {privilege} ON tickets_ticket TO {role}").format(**names))
        options["assume_role"] = role
        yield
    finally:
        options.pop("assume_role", None)
        cursor.execute(sql.SQL("DROP OWNED BY {role}; DROP ROLE {role}").format(**names))


def mark(target: Target) -> int:
    connection = Connection(target.database)
    try:
        return next_transaction(connection)
    finally:
        connection.close()


def test_the_space_of_dead_rows_is_used_again(target: Target, tickets: Any) -> None:
    leak(tickets, ROWS)
    since_xid = mark(target)
    tickets.cursor().execute(TOUCH)
    grown = pages(tickets)
    assert TableVacuum(target).run(since_xid=since_xid, analyze=True).done
    assert pages(tickets) == grown
    tickets.cursor().execute(TOUCH)
    assert pages(tickets) < grown * 1.1, "but for what did not fit into a gap"


def test_the_table_is_not_truncated_whose_lock_would_stop_reads(
    target: Target, tickets: Any
) -> None:
    leak(tickets, ROWS)
    tickets.cursor().execute("DELETE FROM tickets_ticket WHERE id > %s", [ROWS // 2])
    before = pages(tickets)
    assert TableVacuum(target).run().done
    assert pages(tickets) == before


def test_it_runs_at_the_pace_that_it_was_given(target: Target, tickets: Any) -> None:
    leak(tickets, 10)
    tickets.cursor().execute(NOTE_PACE)
    for cost_limit in (7, 10_000):
        assert TableVacuum(target, cost_limit=cost_limit).run(analyze=True).done
        assert value(tickets, "SELECT last_value FROM noted_limit") == cost_limit
        assert value(tickets, "SELECT last_value FROM noted_delay") == COST_DELAY_MS


def test_a_snapshot_older_than_the_dead_rows_is_named(
    target: Target, tickets: Any, database_url: str, connect: Callable[[str], Any]
) -> None:
    reader = connect(database_url)
    since_xid = needing_the_dead_rows(tickets, target, reader)
    reason = TableVacuum(target).run(since_xid=since_xid).skipped_because
    assert reason is not None
    assert f"pid {reader.info.backend_pid} (idle in transaction, open for " in reason
    reader.cursor().execute("ROLLBACK")
    assert TableVacuum(target).run(since_xid=since_xid).done


def needing_the_dead_rows(tickets: Any, target: Target, session: Any) -> int:
    """Dead rows that this session still needs; the transaction that they died in, or after."""
    leak(tickets, 10)
    session.cursor().execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    value(session, "SELECT count(*) FROM tickets_ticket")
    since_xid = mark(target)
    tickets.cursor().execute(TOUCH)
    return since_xid


@pytest.mark.parametrize("name", ["rotate_tokens", "batch worker"])
def test_no_session_of_a_rotation_is_named(
    target: Target,
    tickets: Any,
    database_url: str,
    connect: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.setattr(snapshots, "JUST_BEGUN_SECONDS", -1.0)  # and none is waited for
    own = connect(database_url)
    own.cursor().execute("SET application_name = %s", (name,))
    since_xid = needing_the_dead_rows(tickets, target, own)
    assert TableVacuum(target).run(since_xid=since_xid).done


def test_a_session_that_has_just_begun_is_waited_for(
    target: Target,
    tickets: Any,
    database_url: str,
    connect: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(snapshots, "JUST_BEGUN_SECONDS", 600.0)
    reader = connect(database_url)
    since_xid = needing_the_dead_rows(tickets, target, reader)
    ended: list[Vacuumed] = []
    work = Thread(target=lambda: ended.append(TableVacuum(target).run(since_xid=since_xid)))
    work.start()
    until(lambda: value(tickets, LOOKS))
    reader.cursor().execute("ROLLBACK")
    work.join(60)
    assert [each.done for each in ended] == [True]


def test_the_wait_for_a_session_that_has_just_begun_can_be_cancelled(
    target: Target,
    tickets: Any,
    database_url: str,
    connect: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(snapshots, "JUST_BEGUN_SECONDS", 600.0)
    since_xid = needing_the_dead_rows(tickets, target, connect(database_url))
    vacuum, ended = TableVacuum(target), list[Vacuumed]()
    work = Thread(target=lambda: ended.append(vacuum.run(since_xid=since_xid)))
    work.start()
    until(lambda: value(tickets, LOOKS))
    vacuum.cancel()
    work.join(60)
    assert [each.skipped_because for each in ended] == [CANCELLED]


def test_a_snapshot_younger_than_some_dead_rows_is_no_reason(
    target: Target, tickets: Any, database_url: str, connect: Callable[[str], Any]
) -> None:
    leak(tickets, 10)
    since_xid = mark(target)
    tickets.cursor().execute(TOUCH)
    reader = connect(database_url)
    reader.cursor().execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    value(reader, "SELECT count(*) FROM tickets_ticket")
    assert TableVacuum(target).run(since_xid=since_xid).done


def test_whoever_is_at_the_table_already_is_not_waited_for(
    target: Target, tickets: Any, database_url: str, connect: Callable[[str], Any]
) -> None:
    other = connect(database_url)
    other.cursor().execute("BEGIN; LOCK TABLE tickets_ticket IN SHARE UPDATE EXCLUSIVE MODE")
    reason = TableVacuum(target).run().skipped_because
    assert reason == (
        f"another session (pid {other.info.backend_pid}) is at work on tickets_ticket already"
    )


def test_a_table_locked_in_another_way_is_passed_over(
    target: Target, tickets: Any, database_url: str, connect: Callable[[str], Any]
) -> None:
    other = connect(database_url)
    other.cursor().execute("BEGIN; LOCK TABLE tickets_ticket IN SHARE MODE")
    reason = TableVacuum(target).run().skipped_because
    assert reason == "another session has locked tickets_ticket"


def test_a_role_that_may_not_vacuum_is_told_so(target: Target, tickets: Any) -> None:
    with as_role(target, tickets, "SELECT"):
        reason = TableVacuum(target).run().skipped_because
    assert reason is not None
    assert reason.startswith("this role may not vacuum tickets_ticket")


def test_a_role_that_may_not_vacuum_a_partition_is_told_so(target: Target, tickets: Any) -> None:
    """PostgreSQL warns of the partition, and succeeds."""
    with as_role(target, tickets, "SELECT"):
        role = connections[target.database].settings_dict["OPTIONS"]["assume_role"]
        tickets.cursor().execute(
            "ALTER TABLE tickets_ticket RENAME TO unpartitioned;"
            "CREATE TABLE tickets_ticket (LIKE unpartitioned) PARTITION BY LIST (status);"
            "CREATE TABLE ticket_open PARTITION OF tickets_ticket FOR VALUES IN ('open');"
            f"ALTER TABLE tickets_ticket OWNER TO {role}"
        )
        reason = TableVacuum(target).run().skipped_because
        assert reason is not None
        assert reason.startswith("this role may not vacuum tickets_ticket")
        tickets.cursor().execute(f"ALTER TABLE ticket_open OWNER TO {role}")
        assert TableVacuum(target).run().done


def test_a_role_with_maintain_may(target: Target, tickets: Any) -> None:
    if tickets.info.server_version < 170000:
        pytest.skip("MAINTAIN came with PostgreSQL 17")
    with as_role(target, tickets, "MAINTAIN"):
        assert TableVacuum(target).run().done


def test_cancelled_from_another_thread_it_ends_at_once(target: Target, tickets: Any) -> None:
    leak(tickets, ROWS)
    tickets.cursor().execute(TOUCH)
    vacuum = TableVacuum(target, cost_limit=1)
    ended: list[Vacuumed] = []
    thread = Thread(target=lambda: ended.append(vacuum.run()))
    thread.start()
    at_work = "SELECT count(*) FROM pg_stat_progress_vacuum WHERE datname = current_database()"
    until(lambda: value(tickets, at_work))
    vacuum.cancel()
    thread.join(timeout=60)
    assert ended[0].skipped_because == CANCELLED


def test_a_server_that_does_not_answer_is_a_reason(target: Target, tickets: Any) -> None:
    connections[target.database].settings_dict["NAME"] = "no_such_database"
    reason = TableVacuum(target).run().skipped_because
    assert reason is not None
    assert "no_such_database" in reason


def test_autovacuum_is_named_and_left_alone(target: Target, tickets: Any) -> None:
    leak(tickets, ROWS)
    cursor = tickets.cursor()
    cursor.execute(f"ALTER TABLE tickets_ticket SET ({AT_ONCE_AND_SLOWLY})")
    cursor.execute(TOUCH)
    cursor.execute("ALTER SYSTEM SET autovacuum_naptime = 1")
    cursor.execute("SELECT pg_reload_conf()")
    try:
        pid = until(lambda: value(tickets, AUTOVACUUM_AT_WORK))
        reason = TableVacuum(target).run().skipped_because
    finally:
        cursor.execute("ALTER SYSTEM RESET autovacuum_naptime")
        cursor.execute("SELECT pg_reload_conf()")
    assert reason == f"autovacuum (pid {pid}) is at work on tickets_ticket already"


def test_it_runs_without_a_timeout_of_transactions(target: Target, tickets: Any) -> None:
    if tickets.info.server_version < 170000:
        pytest.skip("PostgreSQL 17 brought transaction_timeout")
    leak(tickets, 10)
    cursor = tickets.cursor()
    cursor.execute(NOTE_TIMEOUT)
    database = sql.Identifier(value(tickets, "SELECT current_database()"))
    cursor.execute(sql.SQL("ALTER DATABASE {} SET transaction_timeout = '1h'").format(database))
    vacuumed = TableVacuum(target).run(analyze=True)
    assert vacuumed.done, vacuumed.skipped_because
    assert value(tickets, "SELECT last_value FROM noted_timeout") == 0
