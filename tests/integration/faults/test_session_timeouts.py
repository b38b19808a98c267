"""Time limits of a role or database that end the session itself."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.driver import sql
from tests.support.leaked import assert_each_token_changed_once, leak, pending
from tests.support.manage import Manage
from tests.support.rotations import RotationFactory
from token_rotation.engine.result import Outcome
from token_rotation.events import Event, Retrying

SLEEP_AFTER_50_ROWS = """
CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS
$$ DECLARE rows int := coalesce(nullif(current_setting('test.rows', true), ''), '0')::int;
BEGIN
    PERFORM set_config('test.rows', (rows + 1)::text, true);  -- of this transaction
    IF rows = 50 THEN PERFORM pg_sleep(600); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER slow BEFORE UPDATE ON tickets_ticket FOR EACH ROW EXECUTE FUNCTION be_slow();
"""
BACK_TO_PENDING = (
    "ALTER TABLE tickets_ticket DISABLE TRIGGER USER; "
    "UPDATE tickets_ticket SET token_rotated_at = NULL; "
    "ALTER TABLE tickets_ticket ENABLE TRIGGER USER"
)


@pytest.fixture
def limit(
    tickets: Any, database_url: str, request: pytest.FixtureRequest
) -> Callable[[str, str], None]:
    """limit(name, value) sets it for the database; skips where the server has no such setting."""

    def limit(name: str, value: str) -> None:
        with tickets.cursor() as cursor:
            cursor.execute("SELECT current_setting(%s, true)", [name])
            if cursor.fetchone() == (None,):
                pytest.skip(f"this PostgreSQL has no {name}")
            database = sql.Identifier(urlsplit(database_url).path.lstrip("/"))
            statement = sql.SQL("ALTER DATABASE {} SET {} = {}")
            cursor.execute(statement.format(database, sql.SQL(name), sql.Literal(value)))

    return limit


@pytest.mark.server_versions
def test_a_batch_too_large_for_the_transaction_timeout_is_done_in_smaller_ones(
    tickets: Any, rotation: RotationFactory, limit: Callable[[str, str], None]
) -> None:
    leak(tickets, 100)
    tickets.cursor().execute(SLEEP_AFTER_50_ROWS)
    limit("transaction_timeout", "400ms")
    retries: list[Retrying] = []

    def observe(event: Event) -> None:
        if isinstance(event, Retrying):
            retries.append(event)

    result = rotation(observe, batch_rows=100).run()
    assert (result.outcome, result.rotated_rows, len(retries)) == (Outcome.COMPLETE, 100, 1)
    assert "transaction_timeout is 400ms for every role in database" in retries[0].reason
    assert_each_token_changed_once(tickets)


@pytest.mark.server_versions
def test_a_transaction_timeout_that_no_batch_meets_ends_the_run_and_is_named(
    tickets: Any, manage: Manage, database_url: str, limit: Callable[[str, str], None]
) -> None:
    leak(tickets, 100)
    tickets.cursor().execute(SLEEP_AFTER_50_ROWS.replace("rows = 50", "true"))
    limit("transaction_timeout", "100ms")
    ended = manage("rotate_tokens", "--retry-seconds", "2", database_url=database_url)
    assert ended.returncode == 3
    line = ended.stdout.splitlines()[-1]
    assert "PostgreSQL refused to change 10 rows" in line
    assert "transaction_timeout is 100ms for every role in database" in line
    assert "Mend that, then: python manage.py rotate_tokens" in line
    assert pending(tickets) == 100


@pytest.mark.server_versions
def test_a_transaction_timeout_of_a_millisecond_ends_no_command_without_its_name(
    tickets: Any, manage: Manage, database_url: str, limit: Callable[[str, str], None]
) -> None:
    leak(tickets, 20_000)
    limit("transaction_timeout", "1ms")
    ended = manage(
        *("rotate_tokens", "--retry-seconds", "1", "--batch-rows", "20000"),
        database_url=database_url,
    )
    assert ended.returncode in (0, 1, 3)
    said = ended.stdout + ended.stderr
    assert "transaction_timeout is 1ms for every role in database" in said
    assert "terminated abnormally" not in said
    assert "ALTER ROLE or ALTER DATABASE" in said


@pytest.mark.server_versions
def test_an_idle_session_that_the_server_ends_is_opened_again_and_the_limit_named(
    tickets: Any, manage: Manage, database_url: str, limit: Callable[[str, str], None]
) -> None:
    leak(tickets, 60)
    limit("idle_session_timeout", "1500ms")  # of a slow machine, between two statements
    ended = manage(
        *("rotate_tokens", "--batch-rows", "30", "--pause-seconds", "2", "--progress", "lines"),
        database_url=database_url,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "idle_session_timeout is 1500ms for every role in database" in ended.stdout
    assert_each_token_changed_once(tickets)
