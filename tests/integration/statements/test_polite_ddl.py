"""DDL gives way to the traffic on its table, and mends what a killed attempt left."""

import re
from typing import Any

import pgtrigger
import pytest
from django.core.management.base import CommandError
from django.db import DatabaseError, ProgrammingError, connection, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from tests.support.parcels import (
    INDEX,
    LOCK_TIMEOUT_MS,
    TABLE,
    add_colour,
    apply,
    columns,
    read_in_open_transaction,
    unapply,
    value,
    write_in_open_transaction,
)
from token_rotation.postgres.ddl_locks.attempts import politely
from token_rotation.schema import (
    AddIndexConcurrentlyPolitely,
    AddTriggerPolitely,
    AlterFieldPolitely,
    LockNotGrantedError,
    OnTableOf,
    RemoveTriggerPolitely,
    ReplaceTriggerPolitely,
    UnexpectedIndexError,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("short_patience"),
]

# Locks


def test_a_locked_table_is_given_up_after_the_retry_time_and_nothing_has_changed(
    parcels: ProjectState, application: BaseDatabaseWrapper, settings: Any
) -> None:
    settings.TOKEN_ROTATION_DDL_RETRY_SECONDS = 0.2
    read_in_open_transaction(application)
    holder = application.connection.info.backend_pid

    with pytest.raises(LockNotGrantedError) as raised:
        apply(add_colour(), parcels)

    assert "colour" not in columns()
    message = str(raised.value)
    assert message.startswith(f"{TABLE}: no lock in 0.2 s")
    assert re.search(rf"pid {holder} \(idle in transaction, in transaction for \d+ s\)", message)
    assert "run migrate again" in message
    assert "SELECT" not in message
    assert "\n" not in message


def test_the_change_is_made_as_soon_as_an_attempt_gets_its_lock(
    parcels: ProjectState, application: BaseDatabaseWrapper
) -> None:
    let_go = read_in_open_transaction(application)
    attempts = []

    def change() -> None:
        attempts.append(value("SHOW lock_timeout"))
        if len(attempts) == 3:
            let_go()
        editor.execute(f"ALTER TABLE {TABLE} ADD COLUMN colour text")

    with connection.schema_editor() as editor:
        politely(editor, [TABLE], change)

    assert "colour" in columns()
    assert attempts == [f"{LOCK_TIMEOUT_MS}ms"] * 3


def test_the_lock_timeout_ends_with_the_change(parcels: ProjectState) -> None:
    with transaction.atomic():
        before = value("SHOW lock_timeout")
        apply(add_colour(), parcels)
        assert value("SHOW lock_timeout") == before


def test_an_error_that_is_no_lock_is_raised_at_once(parcels: ProjectState) -> None:
    attempts = []

    def change() -> None:
        attempts.append(1)
        editor.execute("ALTER TABLE polite_missing ADD COLUMN colour text")

    with pytest.raises(ProgrammingError), connection.schema_editor() as editor:
        politely(editor, ["polite_missing"], change)

    assert len(attempts) == 1


@pytest.mark.parametrize(
    ("field", "why"),
    [
        (models.UUIDField(null=True), "22P02"),
        (models.TextField(unique=True), "23505"),
    ],
)
def test_rows_that_do_not_allow_a_change_are_not_quoted(
    parcels: ProjectState, field: Any, why: str
) -> None:
    coloured = apply(add_colour(), parcels)
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {TABLE} (colour) VALUES ('secret'), ('secret')")

    with pytest.raises(CommandError) as raised:
        apply(AlterFieldPolitely("parcel", "colour", field), coloured)

    message = str(raised.value)
    assert message.startswith(f"{TABLE}: its rows do not allow this change: ")
    assert why in message
    assert "secret" not in message
    assert raised.value.__suppress_context__
    assert value(f"SELECT count(*) FROM {TABLE}") == 2


def test_deferred_statements_run_once_and_within_the_attempt(
    parcels: ProjectState, application: BaseDatabaseWrapper
) -> None:
    let_go = read_in_open_transaction(application)
    attempts = []

    def change() -> None:
        attempts.append(1)
        editor.deferred_sql.append(f"ALTER TABLE {TABLE} ADD COLUMN deferred int")
        if len(attempts) == 2:
            let_go()
        editor.execute(f"ALTER TABLE {TABLE} ADD COLUMN colour text")

    with connection.schema_editor() as editor:
        politely(editor, [TABLE], change)
        assert not editor.deferred_sql
        assert "deferred" in columns()

    assert len(attempts) == 2


def test_going_backwards_is_polite_too(
    parcels: ProjectState, application: BaseDatabaseWrapper, settings: Any
) -> None:
    settings.TOKEN_ROTATION_DDL_RETRY_SECONDS = 0.2
    operation = add_colour()
    after = apply(operation, parcels)
    let_go = read_in_open_transaction(application)

    with pytest.raises(LockNotGrantedError):
        unapply(operation, after, parcels)
    assert "colour" in columns()

    let_go()
    unapply(operation, after, parcels)
    assert "colour" not in columns()


def test_altering_a_field_is_polite(
    parcels: ProjectState, application: BaseDatabaseWrapper, settings: Any
) -> None:
    settings.TOKEN_ROTATION_DDL_RETRY_SECONDS = 0.2
    operation = AlterFieldPolitely(
        "parcel", "weight", models.IntegerField(null=True, db_default=models.Value(7))
    )
    let_go = read_in_open_transaction(application)

    with pytest.raises(LockNotGrantedError):
        apply(operation, parcels)
    let_go()
    apply(operation, parcels)

    assert value(f"INSERT INTO {TABLE} DEFAULT VALUES RETURNING weight") == 7


@pytest.mark.parametrize(
    "name", ["TOKEN_ROTATION_DDL_LOCK_TIMEOUT_MS", "TOKEN_ROTATION_DDL_RETRY_SECONDS"]
)
@pytest.mark.parametrize("wrong", [0, -1, "100", None])
def test_a_setting_that_cannot_be_is_named_and_nothing_changes(
    name: str, wrong: object, parcels: ProjectState, settings: Any
) -> None:
    setattr(settings, name, wrong)

    with pytest.raises(CommandError, match=f"{name} is .*above 0"):
        apply(add_colour(), parcels)

    assert "colour" not in columns()


# Triggers, and the table of another app


def trigger(weight: int) -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name="weigh",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        func=f"NEW.weight := {weight}; RETURN NEW;",
    )


def installed() -> set[Any]:
    """What there is: columns, and the bodies of triggers."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.prosrc FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
            " WHERE t.tgrelid = %s::regclass AND NOT t.tgisinternal",
            [TABLE],
        )
        bodies = {row[0] for row in cursor.fetchall()}
    return columns() | bodies


WEIGH = AddTriggerPolitely("parcel", trigger(5))


@pytest.mark.parametrize(
    ("before", "operation"),
    [
        ([], WEIGH),
        ([WEIGH], ReplaceTriggerPolitely("parcel", trigger(7))),
        ([WEIGH], RemoveTriggerPolitely("parcel", "weigh")),
        ([], OnTableOf("polite", [add_colour()])),
        ([], OnTableOf("polite", [WEIGH])),
    ],
    ids=["add", "replace", "remove", "another app's column", "another app's trigger"],
)
def test_on_a_table_that_is_written_each_change_waits_politely_in_both_directions(
    before: list[Operation],
    operation: Operation,
    parcels: ProjectState,
    application: BaseDatabaseWrapper,
    settings: Any,
) -> None:
    settings.TOKEN_ROTATION_DDL_RETRY_SECONDS = 0.2
    start = parcels
    for each in before:
        start = apply(each, start)
    unchanged = installed()

    let_go = write_in_open_transaction(application)
    with pytest.raises(LockNotGrantedError):
        apply(operation, start)
    assert installed() == unchanged
    let_go()
    after = apply(operation, start)
    changed = installed()
    assert changed != unchanged

    let_go = write_in_open_transaction(application)
    with pytest.raises(LockNotGrantedError):
        unapply(operation, after, start)
    assert installed() == changed
    let_go()
    unapply(operation, after, start)
    assert installed() == unchanged


# Indexes


def add_index(*fields: str) -> AddIndexConcurrentlyPolitely:
    index = models.Index(
        fields=fields or ("id",), name=INDEX, condition=models.Q(weight__isnull=True)
    )
    return AddIndexConcurrentlyPolitely("parcel", index)


def index_row() -> tuple[int, bool] | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexrelid, indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)",
            [INDEX],
        )
        found: tuple[int, bool] | None = cursor.fetchone()
    return found


def leave_invalid_index(holder: BaseDatabaseWrapper) -> None:
    """What a CREATE INDEX CONCURRENTLY leaves that ends while it waits for an old transaction."""
    let_go = read_in_open_transaction(holder)
    with holder.cursor() as cursor:
        cursor.execute(f"INSERT INTO {TABLE} DEFAULT VALUES")
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '50ms'")
        with pytest.raises(DatabaseError):
            cursor.execute(f"CREATE INDEX CONCURRENTLY {INDEX} ON {TABLE} (id)")
        cursor.execute("RESET lock_timeout")
    let_go()
    found = index_row()
    assert found is not None
    assert not found[1]


def test_an_index_is_built_and_dropped_again(parcels: ProjectState) -> None:
    operation = add_index()

    after = apply(operation, parcels, atomic=False)
    found = index_row()
    assert found is not None
    assert found[1]

    unapply(operation, after, parcels)
    assert index_row() is None


def test_an_index_left_invalid_is_built_again(
    parcels: ProjectState, application: BaseDatabaseWrapper
) -> None:
    leave_invalid_index(application)

    apply(add_index(), parcels, atomic=False)

    found = index_row()
    assert found is not None
    assert found[1]
    assert "WHERE (weight IS NULL)" in value("SELECT pg_get_indexdef(%s)", found[0])


def test_an_index_left_invalid_is_dropped_when_going_backwards(
    parcels: ProjectState, application: BaseDatabaseWrapper
) -> None:
    leave_invalid_index(application)
    operation = add_index()
    after = parcels.clone()
    operation.state_forwards("polite", after)

    unapply(operation, after, parcels)

    assert index_row() is None


def test_a_valid_index_of_the_right_definition_is_kept(parcels: ProjectState) -> None:
    apply(add_index(), parcels, atomic=False)
    before = index_row()

    apply(add_index(), parcels, atomic=False)

    assert index_row() == before


def test_a_valid_index_of_another_definition_is_an_error_and_stays(parcels: ProjectState) -> None:
    apply(add_index("weight"), parcels, atomic=False)
    before = index_row()

    with pytest.raises(UnexpectedIndexError, match=f"another index named {INDEX}"):
        apply(add_index("id"), parcels, atomic=False)

    assert index_row() == before


def test_a_concurrent_index_is_built_without_the_sessions_timeouts_which_then_come_back(
    parcels: ProjectState,
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '7s'")
        cursor.execute("SET statement_timeout = '9s'")
        seen: list[tuple[str, str]] = []

        def note(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
            if "CREATE INDEX" in str(sql):
                with connection.connection.cursor() as raw:
                    raw.execute(
                        "SELECT current_setting('lock_timeout'),"
                        " current_setting('statement_timeout')"
                    )
                    seen.append(raw.fetchone())
            return execute(sql, params, many, context)

        with connection.execute_wrapper(note):
            apply(add_index(), parcels, atomic=False)

        assert seen == [("0", "0")]
        assert (value("SHOW lock_timeout"), value("SHOW statement_timeout")) == ("7s", "9s")
        cursor.execute("RESET lock_timeout")
        cursor.execute("RESET statement_timeout")
