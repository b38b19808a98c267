"""Progress is checked, not assumed: what circles is diagnosed, named and ended."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.disordered import KEY, PENDING, disorder
from tests.support.leaked import assert_each_token_changed_once, leak, pending, value
from tests.support.manage import Manage

ROWS = 1_000
LARGE_BATCHES = ("--batch-rows", "300")

ASKS_AGAIN = """
CREATE FUNCTION ask_again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    EXECUTE format('UPDATE %I SET token_rotated_at = NULL WHERE id = $1', TG_TABLE_NAME)
    USING NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER ask_again AFTER UPDATE ON tickets_ticket FOR EACH ROW
WHEN (NEW.id = 500 AND NEW.token_rotated_at IS NOT NULL) EXECUTE FUNCTION ask_again();
"""
ANSWERS_NOTHING = """
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER skip_archived BEFORE UPDATE ON tickets_ticket FOR EACH ROW
WHEN (OLD.id % 2 = 0) EXECUTE FUNCTION nothing();
"""


@pytest.fixture
def tickets(database_url: str, connect: Callable[[str], Any]) -> Any:
    connection = connect(database_url)
    leak(connection, ROWS)
    return connection


@pytest.mark.server_versions
@pytest.mark.parametrize(
    ("index", "words"),
    [
        (PENDING, ("--batch-rows", "10")),
        (PENDING, LARGE_BATCHES),  # it rotates some rows in each pass, then none
        (KEY, ("--issued-before", "now", "--batch-rows", "10")),
    ],
)
def test_an_index_in_another_order_than_the_comparison_is_named_with_its_reindex(
    manage: Manage, database_url: str, tickets: Any, index: str, words: tuple[str, ...]
) -> None:
    disorder(tickets, index)
    ended = manage("rotate_tokens", *words, database_url=database_url)
    if words == LARGE_BATCHES and ended.returncode == 0:  # PostgreSQL 17's scans meet every row
        assert_each_token_changed_once(tickets)
        return
    assert ended.returncode == 1, ended.stdout
    (line,) = ended.stderr.splitlines()
    assert "of tickets_ticket gives keys in another order than PostgreSQL compares them in" in line
    assert f'REINDEX INDEX CONCURRENTLY "{index}"' in line
    assert (KEY in line) == (index == KEY)
    assert "rows rotated by this run are safe" in line
    tickets.cursor().execute(f'REINDEX INDEX CONCURRENTLY "{index}"')
    assert manage("rotate_tokens", database_url=database_url).returncode == 0
    if index == PENDING:
        assert_each_token_changed_once(tickets)
    assert pending(tickets) == 0


@pytest.mark.server_versions
def test_a_replay_leaves_nothing_out_where_an_index_is_in_another_order(
    manage: Manage, database_url: str, tickets: Any, tmp_path: Path
) -> None:
    heard = {
        "DJANGO_SETTINGS_MODULE": "tests.projects.listening.settings",
        "HEARD": str(tmp_path / "heard"),
    }
    disorder(tickets, KEY)
    words = ("replay_rotated_tokens", "--since", "2h ago")
    ended = manage(*words, database_url=database_url, env=heard)
    assert ended.returncode == 1, ended.stdout
    assert f'REINDEX INDEX CONCURRENTLY "{KEY}"' in ended.stderr.splitlines()[-1]


def test_a_row_that_a_trigger_asks_for_again_ends_the_run_with_its_name(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    tickets.cursor().execute(ASKS_AGAIN)
    ended = manage("rotate_tokens", "--batch-rows", "100", database_url=database_url)
    assert ended.returncode == 1, ended.stdout
    (line,) = ended.stderr.splitlines()
    assert "nobody holds them" in line
    assert "ask_again on tickets_ticket" in line
    assert "Change or drop what does, then: python manage.py rotate_tokens" in line
    assert pending(tickets) == 1


def test_rows_that_a_trigger_keeps_from_changing_end_the_run_with_its_name(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    tickets.cursor().execute(ANSWERS_NOTHING)
    ended = manage("rotate_tokens", "--batch-rows", "100", database_url=database_url)
    assert ended.returncode == 1, ended.stdout
    (line,) = ended.stderr.splitlines()
    assert "stay pending after an UPDATE without an error, and nobody holds them" in line
    assert "skip_archived on tickets_ticket" in line
    assert pending(tickets) == ROWS // 2
    assert value(tickets, "SELECT count(*) FROM token_change") == ROWS // 2
