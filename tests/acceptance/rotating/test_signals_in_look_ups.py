"""The first signal ends a look-up within a pass; no second one is needed, and no batch follows."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.leaked import assert_each_token_changed_once, leak, pending, value
from tests.support.manage import Manage
from tests.support.waiting import until

pytestmark = pytest.mark.server_versions

CHUNK_LINES = 10_000
NO_TICKET = "00000000-0000-4000-8000-{:012}"

# The look-up of the second chunk reads the last ticket's message, once the first one has rotated.
STUCK = """
CREATE TABLE armed (id bigint);
CREATE FUNCTION is_read(id bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
IF EXISTS (SELECT FROM armed WHERE armed.id = is_read.id) THEN PERFORM pg_sleep(600); END IF;
RETURN true; END $$;
CREATE FUNCTION arm() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
INSERT INTO armed VALUES (2); RETURN NEW; END $$;
CREATE TRIGGER arm AFTER UPDATE ON tickets_ticket FOR EACH ROW WHEN (NEW.id = 1)
EXECUTE FUNCTION arm();
INSERT INTO tickets_message (ticket_id, body, version) SELECT id, 'B', 1 FROM tickets_ticket;
ALTER TABLE tickets_message RENAME TO stored_message;
CREATE VIEW tickets_message AS SELECT * FROM stored_message WHERE is_read(ticket_id);
"""
ASLEEP = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND wait_event = 'PgSleep'"
)


@pytest.fixture
def tickets(database_url: str, connect: Callable[[str], Any]) -> Any:
    connection = connect(database_url)
    leak(connection, 2)
    connection.cursor().execute(STUCK)
    return connection


@pytest.fixture
def listed(tickets: Any, tmp_path: Path) -> str:
    """The first ticket is in the first chunk of the list, the other in the second."""
    first, last = value(tickets, "SELECT array_agg(token::text ORDER BY id) FROM tickets_ticket")
    others = [NO_TICKET.format(number) for number in range(CHUNK_LINES - 1)]
    file = tmp_path / "leaked.txt"
    file.write_text("\n".join([first, *others, last]) + "\n")
    return str(file)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("option", ["--only", "--first"])
def test_one_signal_ends_a_look_up_of_a_list(
    manage: Manage,
    database_url: str,
    tickets: Any,
    listed: str,
    signum: signal.Signals,
    option: str,
) -> None:
    words = ("rotate_tokens", option, listed, "--where", "messages__body=B")
    process = manage.start(*words, "--batch-rows", "1", database_url=database_url)
    until(lambda: value(tickets, ASLEEP))
    process.send_signal(signum)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 3, stderr
    assert "Stopped on request" in stdout
    assert "Stopping after the running batch" in stderr
    assert "Ending at once" not in stderr
    assert "without a sign of life" not in stdout  # that ends the look-up, too
    assert pending(tickets) == 1
    tickets.cursor().execute("TRUNCATE armed; DROP TRIGGER arm ON tickets_ticket")
    assert manage("rotate_tokens", database_url=database_url).returncode == 0
    assert_each_token_changed_once(tickets)


def test_a_stop_by_the_record_ends_a_look_up_of_a_list(
    manage: Manage, database_url: str, tickets: Any, listed: str
) -> None:
    words = ("rotate_tokens", "--only", listed, "--where", "messages__body=B")
    process = manage.start(*words, "--batch-rows", "1", database_url=database_url)
    until(lambda: value(tickets, ASLEEP))
    assert manage("rotate_tokens", "--stop", database_url=database_url).returncode == 0
    stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "Stopped on request" in stdout
    assert "without a sign of life" not in stdout


def test_a_limit_that_is_used_up_looks_up_no_more(
    manage: Manage, database_url: str, tickets: Any, listed: str
) -> None:
    words = ("rotate_tokens", "--only", listed, "--where", "messages__body=B", "--limit", "1")
    done = manage(*words, database_url=database_url)
    assert done.returncode == 3, done.stderr
    assert "The limit was reached" in done.stdout
    assert pending(tickets) == 1
