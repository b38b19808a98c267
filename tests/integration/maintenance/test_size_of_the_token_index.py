"""The size of the token's index is known exactly or not at all, and then nobody counts on it."""

from typing import Any

from tests.support.leaked import leak
from tests.support.marked_rows import ask
from token_rotation.engine.writers.index_pages import index_pages
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.reading import reading
from token_rotation.selection.target import Target


def pages(target: Target) -> int:
    with reading(target.database) as connection:
        assert isinstance(connection, Connection)
        return index_pages(connection, target)


def test_a_table_that_was_never_analyzed_has_an_index_of_unknown_size(
    tickets: Any, target: Target
) -> None:
    assert pages(target) == 0


def test_an_index_is_as_large_as_its_rows_need(tickets: Any, target: Target) -> None:
    leak(tickets, 20_000)
    ask(tickets, "VACUUM ANALYZE tickets_ticket")
    assert 60 <= pages(target) <= 140
    ask(tickets, "DELETE FROM tickets_ticket WHERE id > 2000")
    ask(tickets, "VACUUM ANALYZE tickets_ticket")
    assert 6 <= pages(target) <= 14


def test_the_size_of_a_locked_index_is_unknown(tickets: Any, other: Any, target: Target) -> None:
    leak(tickets, 100)
    assert pages(target) == 1
    ask(other, "REINDEX INDEX tickets_ticket_token_key")
    assert pages(target) == 0
    other.rollback()


def test_a_role_that_may_not_read_whole_rows_does_not_know_the_size(
    tickets: Any, target: Target, limit_connections: Any
) -> None:
    leak(tickets, 2_000)
    limit_connections(5)
    assert pages(target) > 0
    (role,) = ask(tickets, "SELECT rolname FROM pg_roles WHERE rolname LIKE 'limited%%'")[0]
    ask(tickets, f"REVOKE SELECT ON tickets_ticket FROM {role}")
    assert pages(target) == 0


def test_the_largest_of_several_indexes_counts(tickets: Any, target: Target) -> None:
    leak(tickets, 2_000)
    ask(tickets, "VACUUM ANALYZE tickets_ticket")
    alone = pages(target)
    ask(tickets, "CREATE INDEX packed ON tickets_ticket (token) WITH (fillfactor = 100)")
    ask(tickets, "VACUUM ANALYZE tickets_ticket")
    assert pages(target) == alone > 1


def test_a_token_without_an_index_has_none_that_is_large(tickets: Any, target: Target) -> None:
    leak(tickets, 2_000)
    ask(tickets, "ALTER TABLE tickets_ticket DROP CONSTRAINT tickets_ticket_token_key CASCADE")
    ask(tickets, "VACUUM ANALYZE tickets_ticket")
    assert pages(target) == 0
