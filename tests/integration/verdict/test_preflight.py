"""What is wrong is said before anything is written, with the command that mends it."""

from collections.abc import Callable
from typing import Any

import pytest

from token_rotation.inspection.preflight import GuardState, inspect
from token_rotation.postgres.reading import reading
from token_rotation.selection.target import Target


@pytest.fixture
def look(target: Target) -> Callable[[], GuardState]:
    def look() -> GuardState:
        with reading(target.database) as connection:
            return inspect(connection, target)

    return look


def test_a_migrated_table_is_in_order(tickets: Any, look: Callable[[], GuardState]) -> None:
    state = look()
    assert state.intact
    assert state.triggers == {
        "tickets.Ticket:guard_insert": "enabled",
        "tickets.Ticket:guard_update": "enabled",
    }
    assert state.indexes == {"pending": "valid", "token": "valid"}


@pytest.mark.parametrize(
    ("damage", "code", "mend"),
    [
        ("DROP TABLE tickets_ticket CASCADE", "token_rotation.E001", "manage.py migrate"),
        (
            "ALTER TABLE tickets_ticket DROP COLUMN token_rotated_at CASCADE",
            "token_rotation.E002",
            "manage.py migrate",
        ),
        (
            "DROP FUNCTION {update_guard} CASCADE",
            "token_rotation.E003",
            "pgtrigger install tickets.Ticket:guard_update",
        ),
        (
            "ALTER TABLE tickets_ticket DISABLE TRIGGER {insert_guard}",
            "token_rotation.E004",
            "pgtrigger enable tickets.Ticket:guard_insert",
        ),
        (
            "ALTER TABLE tickets_ticket ENABLE REPLICA TRIGGER {update_guard}",
            "token_rotation.E004",
            "pgtrigger enable tickets.Ticket:guard_update",
        ),
        ("DROP INDEX tickets_ticket_pending", "token_rotation.E005", "manage.py migrate"),
        (
            (
                "ALTER TABLE tickets_ticket DROP CONSTRAINT tickets_ticket_token_key;"
                "CREATE INDEX ON tickets_ticket (token)"
            ),
            "token_rotation.E005",
            'CREATE UNIQUE INDEX CONCURRENTLY ON "tickets_ticket" ("token")',
        ),
        (
            (
                "UPDATE pg_index SET indisvalid = false "
                "WHERE indexrelid = 'tickets_ticket_pending'::regclass"
            ),
            "token_rotation.E006",
            'REINDEX INDEX CONCURRENTLY "tickets_ticket_pending"',
        ),
    ],
)
def test_damage_is_named_with_the_command_that_mends_it(
    tickets: Any,
    look: Callable[[], GuardState],
    target: Target,
    damage: str,
    code: str,
    mend: str,
) -> None:
    names = {
        each.uri.rpartition("guard_")[2] + "_guard": each.name for each in target.guard_triggers
    }
    tickets.cursor().execute(damage.format(**names))
    problems = look().problems
    assert [problem.code for problem in problems] == [code]
    assert mend in problems[0].mend


def test_an_always_firing_trigger_counts_as_enabled(
    tickets: Any, look: Callable[[], GuardState], target: Target
) -> None:
    name = target.guard_triggers[1].name
    tickets.cursor().execute(f"ALTER TABLE tickets_ticket ENABLE ALWAYS TRIGGER {name}")
    assert look().intact


def test_a_guard_of_another_definition_is_a_warning(
    tickets: Any, look: Callable[[], GuardState], target: Target
) -> None:
    name = target.guard_triggers[1].name
    tickets.cursor().execute(
        f"COMMENT ON TRIGGER {name} ON tickets_ticket IS 'of an older release'"
    )
    state = look()
    assert state.intact
    assert [warning.code for warning in state.warnings] == ["token_rotation.W002"]
