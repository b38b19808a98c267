"""Each trigger of retired tokens keeps its promise alone, without what the others would mend."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support import driver
from tests.support.leaked import leak, value
from tickets.models import Ticket
from token_rotation.triggers.retired import KeepRetired, RefuseRetired

ROTATE = (
    "UPDATE tickets_ticket SET token = gen_random_uuid(), token_rotated_at = clock_timestamp() "
    "WHERE id = %s"
)
KEPT = "SELECT count(*) FROM token_rotation_retiredtoken"
STORED = "SELECT token::text FROM tickets_ticket WHERE id = %s"
LATER = datetime(2100, 1, 1, tzinfo=UTC)


def execute(connection: Any, query: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(query, values or None)


@pytest.fixture
def alone(tickets: Any) -> Any:
    """Leaked tickets that no guard keeps; nor does their index mind equal tokens."""
    leak(tickets, 3)
    execute(tickets, "ALTER TABLE tickets_ticket DISABLE TRIGGER USER")
    execute(tickets, "ALTER TABLE tickets_ticket DROP CONSTRAINT tickets_ticket_token_key")
    execute(tickets, "ALTER TABLE tickets_ticket ALTER token DROP NOT NULL")
    return tickets


def install(connection: Any, trigger: Any) -> None:
    execute(connection, str(trigger.compile(Ticket).install_sql))


def test_a_write_that_is_refused_keeps_token_and_marker_and_passes_its_other_columns(
    alone: Any,
) -> None:
    install(alone, KeepRetired(token="token", marker="token_rotated_at"))
    retired = value(alone, STORED, 1)
    execute(alone, ROTATE, 1)
    install(alone, RefuseRetired(token="token", marker="token_rotated_at"))
    kept = value(alone, STORED, 2)
    execute(
        alone,
        "UPDATE tickets_ticket SET token = %s, token_rotated_at = %s, subject = 'x' WHERE id = 2",
        retired,
        LATER,
    )
    assert value(alone, STORED, 2) == kept
    assert value(alone, "SELECT token_rotated_at FROM tickets_ticket WHERE id = 2") is None
    assert value(alone, "SELECT subject FROM tickets_ticket WHERE id = 2") == "x"
    execute(alone, ROTATE, 2)
    assert value(alone, STORED, 2) != kept


def test_a_token_that_two_rows_had_is_kept_once_and_both_may_be_rotated(alone: Any) -> None:
    install(alone, KeepRetired(token="token", marker="token_rotated_at"))
    execute(alone, "UPDATE tickets_ticket SET token = %s WHERE id = 2", value(alone, STORED, 1))
    before = value(alone, KEPT)
    execute(alone, ROTATE, 1)
    execute(alone, ROTATE, 2)
    assert value(alone, KEPT) == before + 1


def test_a_row_that_had_no_token_retires_none(alone: Any) -> None:
    execute(alone, "UPDATE tickets_ticket SET token = NULL WHERE id = 1")
    install(alone, KeepRetired(token="token", marker="token_rotated_at"))
    execute(alone, ROTATE, 1)
    assert value(alone, KEPT) == 0
    execute(alone, "UPDATE tickets_ticket SET token = NULL WHERE id = 1")
    assert value(alone, KEPT) == 1


def test_a_retired_token_that_passed_the_first_look_fails_as_one_to_be_tried_again(
    alone: Any,
) -> None:
    install(alone, KeepRetired(token="token", marker="token_rotated_at"))
    retired = value(alone, STORED, 1)
    execute(alone, ROTATE, 1)
    kept = value(alone, KEPT)
    with pytest.raises(driver.errors.SerializationFailure, match="written again"):
        execute(alone, "UPDATE tickets_ticket SET token = %s WHERE id = 2", retired)
    assert value(alone, KEPT) == kept


def test_the_time_of_retirement_is_that_of_the_clock(alone: Any) -> None:
    install(alone, KeepRetired(token="token", marker="token_rotated_at"))
    with alone.cursor() as cursor:
        cursor.execute("BEGIN; SELECT now()")
        (began_at,) = cursor.fetchone()
        cursor.execute(ROTATE, (1,))
        cursor.execute("COMMIT")
    assert value(alone, "SELECT retired_at FROM token_rotation_retiredtoken") > began_at
    assert value(alone, "SELECT source FROM token_rotation_retiredtoken") == "tickets_ticket.token"


@pytest.mark.parametrize("kind", [KeepRetired, RefuseRetired])
def test_an_update_that_leaves_the_token_alone_calls_no_function(alone: Any, kind: Any) -> None:
    install(alone, kind(token="token", marker="token_rotated_at"))
    with alone.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) UPDATE tickets_ticket SET token = token")
        (plan,) = cursor.fetchone()
        assert sum(trigger["Calls"] for trigger in plan[0]["Triggers"]) == 0
        cursor.execute(
            "EXPLAIN (ANALYZE, FORMAT JSON) UPDATE tickets_ticket SET token = gen_random_uuid()"
        )
        (plan,) = cursor.fetchone()
        assert sum(trigger["Calls"] for trigger in plan[0]["Triggers"]) == 3
