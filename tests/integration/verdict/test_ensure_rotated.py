"""A later deploy goes on only when nothing is pending."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ProjectState
from django.db.migrations.writer import OperationWriter

from tests.support.waiting import until
from tickets.models import Ticket
from token_rotation.schema import EnsureRotated, RowsPendingError

pytestmark = pytest.mark.django_db(transaction=True)

PENDING_TICKETS = [("tickets", "0002_ticket_token_rotated_at")]


def state_at(*names: tuple[str, str]) -> ProjectState:
    return MigrationExecutor(connection).loader.project_state(list(names) or PENDING_TICKETS)


def run(operation: EnsureRotated, state: ProjectState, *, backwards: bool = False) -> None:
    move = operation.database_backwards if backwards else operation.database_forwards
    after = state.clone()
    operation.state_forwards("shop", after)
    with connection.schema_editor() as editor:
        move("shop", editor, state, after)


def add_pending(rows: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tickets_ticket (subject, status, created_at)"
            " SELECT 'x', 'open', now() FROM generate_series(1, %s)",
            [rows],
        )
        cursor.execute("UPDATE tickets_ticket SET token_rotated_at = NULL")


def test_a_fresh_database_and_one_that_is_rotated_pass() -> None:
    run(EnsureRotated("tickets.Ticket"), state_at())
    add_pending(3)
    Ticket.objects.all().rotate_tokens()
    run(EnsureRotated("tickets.Ticket"), state_at())


def test_pending_rows_stop_it_with_their_number_and_the_command_to_type() -> None:
    add_pending(3)
    with pytest.raises(RowsPendingError) as raised:
        run(EnsureRotated("tickets.Ticket"), state_at())
    assert str(raised.value) == (
        "tickets.Ticket: 3 rows still have a token that may be leaked. This step changed nothing, "
        "and the application goes on as before. Run: python manage.py rotate_tokens, then migrate "
        "again"
    )


def test_very_many_pending_rows_are_not_all_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("token_rotation.schema.pending.pending_rows.COUNTED_AT_MOST", 5)
    add_pending(9)
    with pytest.raises(RowsPendingError, match="more than 5 rows"):
        run(EnsureRotated("tickets.Ticket"), state_at())


def test_backwards_it_asks_nothing() -> None:
    add_pending(1)
    run(EnsureRotated("tickets.Ticket"), state_at(), backwards=True)


def test_it_reads_what_the_model_was_and_not_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ticket, "objects", None)
    monkeypatch.setattr(Ticket._meta, "db_table", "renamed_since")
    add_pending(1)
    with pytest.raises(RowsPendingError):
        run(EnsureRotated("tickets.Ticket"), state_at())


def test_a_column_that_only_the_database_knows_can_be_the_marker() -> None:
    """As with a model of another package, whose state has no marker."""
    add_pending(2)
    before = state_at(("tickets", "0001_initial"))
    with connection.cursor() as cursor:
        cursor.execute('ALTER TABLE tickets_ticket ADD COLUMN "issued At" timestamptz')
    try:
        with pytest.raises(RowsPendingError, match="2 rows"):
            run(EnsureRotated("tickets.Ticket", column="issued At"), before)
        with connection.cursor() as cursor:
            cursor.execute('UPDATE tickets_ticket SET "issued At" = now()')
        run(EnsureRotated("tickets.Ticket", column="issued At"), before)
    finally:
        with connection.cursor() as cursor:
            cursor.execute('ALTER TABLE tickets_ticket DROP COLUMN "issued At"')


@pytest.mark.parametrize(
    ("operation", "line"),
    [
        (EnsureRotated("tickets.Nothing"), "there is no model 'tickets.Nothing'"),
        (EnsureRotated("Ticket"), "there is no model 'Ticket'"),
        (EnsureRotated("tickets.Ticket", "issued_at"), "has no field 'issued_at'"),
    ],
)
def test_a_name_that_means_nothing_there_is_said_in_one_line(
    operation: EnsureRotated, line: str
) -> None:
    with pytest.raises(CommandError, match=line):
        run(operation, state_at())


def test_before_the_marker_is_there_it_names_what_is_missing() -> None:
    with pytest.raises(CommandError, match="name in dependencies the migration that adds it"):
        run(EnsureRotated("tickets.Ticket"), state_at(("tickets", "0001_initial")))


def test_it_can_be_written_into_a_migration_and_says_what_it_does() -> None:
    operation = EnsureRotated("tickets.Ticket", marker="issued_at")
    text, imports = OperationWriter(operation, indentation=0).serialize()
    assert imports == {"import token_rotation.schema"}
    assert "model='tickets.Ticket'" in text
    assert "marker='issued_at'" in text
    assert operation.describe() == "Go on only when no token of tickets.Ticket is pending"
    assert operation.migration_name_fragment == "ensure_rotated_ticket"


def test_rows_that_the_partial_index_lacks_stop_it_too() -> None:
    add_pending(3)
    Ticket.objects.all().rotate_tokens()
    ready = (
        "UPDATE pg_index SET indisready = %s WHERE indexrelid = 'tickets_ticket_pending'::regclass"
    )
    with connection.cursor() as cursor:
        cursor.execute(ready, [False])
        cursor.execute("UPDATE tickets_ticket SET token_rotated_at = NULL")
        cursor.execute(ready, [True])
    with pytest.raises(RowsPendingError, match="3 rows still have a token"):
        run(EnsureRotated("tickets.Ticket"), state_at())


def test_its_settings_do_not_reach_what_follows_in_the_same_transaction() -> None:
    names = "SELECT current_setting('row_security'), current_setting('statement_timeout')"
    with connection.schema_editor() as editor, connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '7s'")
        EnsureRotated("tickets.Ticket").database_forwards("shop", editor, state_at(), state_at())
        cursor.execute(names)
        assert cursor.fetchone() == ("on", "7s")


def test_a_name_that_means_another_table_to_others_stops_it() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA ops; CREATE TABLE ops.tickets_ticket (LIKE tickets_ticket)")
    add_pending(3)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET search_path = ops, public")
        with pytest.raises(CommandError, match=r"means ops\.tickets_ticket here and public\."):
            run(EnsureRotated("tickets.Ticket"), state_at())
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET search_path; DROP SCHEMA ops CASCADE")


def test_a_view_under_the_name_stops_it() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA ops")
        cursor.execute("CREATE VIEW ops.tickets_ticket AS SELECT * FROM public.tickets_ticket")
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET search_path = ops, public")
        with pytest.raises(CommandError, match="is a view and not a table"):
            run(EnsureRotated("tickets.Ticket"), state_at())
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET search_path; DROP SCHEMA ops CASCADE")


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ"])
def test_a_table_that_is_rewritten_meanwhile_never_seems_empty(level: str) -> None:
    """To a snapshot from before the rewrite, it has no rows."""
    add_pending(3)
    waiting = (
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'tickets_ticket'::regclass"
    )
    raised = RowsPendingError if level == "READ COMMITTED" else CommandError
    line = "3 rows" if level == "READ COMMITTED" else "was rewritten after this transaction began"

    def stop() -> None:
        try:
            with connection.schema_editor() as editor:
                editor.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
                state = state_at()
                EnsureRotated("tickets.Ticket").database_forwards("shop", editor, state, state)
        finally:
            connection.close()

    other = connection.copy()
    try:
        with ThreadPoolExecutor(1) as pool, other.cursor() as cursor:
            cursor.execute(
                "BEGIN; ALTER TABLE tickets_ticket ALTER COLUMN subject TYPE varchar(190)"
            )
            stopping = pool.submit(stop)
            with connection.cursor() as onlooker:
                until(lambda: waits(onlooker, waiting))
            cursor.execute("ALTER TABLE tickets_ticket ALTER COLUMN subject TYPE varchar(200)")
            cursor.execute("COMMIT")
            with pytest.raises(raised, match=line):
                stopping.result()
    finally:
        other.close()


def waits(cursor: Any, query: str) -> bool:
    cursor.execute(query)
    return bool(cursor.fetchone()[0])
