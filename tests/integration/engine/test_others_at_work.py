"""Whose statements a rotation gives way to."""

from collections.abc import Callable
from typing import Any

import psycopg2

from tests.support.leaked import value
from tests.support.waiting import until
from token_rotation.pacing.health import others_at_work
from token_rotation.postgres import sessions
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.opening import APPLICATION_NAME
from token_rotation.selection.target import Target


def test_a_session_that_runs_statements_is_at_work_unless_it_is_a_workers_or_has_only_connected(
    target: Target, database_url: str, connect: Callable[[str], Any]
) -> None:
    connection = Connection(target.database)
    until(lambda: not others_at_work(connection))

    for name in (APPLICATION_NAME, sessions.APPLICATION_NAME):
        own = psycopg2.connect(database_url, application_name=name)
        value(own, "SELECT 1")
        assert not others_at_work(connection)
        own.close()
    session = connect(database_url)
    assert not others_at_work(connection)
    value(session, "SELECT 1")
    assert others_at_work(connection)
    connection.close()
