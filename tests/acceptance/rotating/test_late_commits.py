"""Rows that commit late, from transactions that were open all along."""

from collections.abc import Callable
from typing import Any

from tests.support.leaked import pending, value
from tests.support.manage import Manage
from tests.support.waiting import until

LEAKED = "11111111-1111-4111-8111-111111111111"
INSERT = f"""
    INSERT INTO tickets_ticket (subject, status, created_at, token)
    VALUES ('committed late', 'open', now(), '{LEAKED}')
"""
STILL_VALID = f"SELECT count(*) FROM tickets_ticket WHERE token = '{LEAKED}'"


def test_a_row_committed_after_the_end_of_the_rotation_was_born_fresh(
    manage: Manage, database_url: str, connect: Callable[[str], Any]
) -> None:
    late = connect(database_url)
    late.autocommit = False
    late.cursor().execute(INSERT)
    assert manage("rotate_tokens", database_url=database_url).returncode == 0
    late.commit()
    onlooker = connect(database_url)
    assert value(onlooker, "SELECT count(*) FROM tickets_ticket") == 1
    assert value(onlooker, STILL_VALID) == 0
    assert pending(onlooker) == 0


def test_a_row_inserted_before_the_guard_was_there_and_committed_late_is_rotated(
    manage: Manage, make_database: Callable[..., str], connect: Callable[[str], Any]
) -> None:
    url = make_database(migrated_to="0002")  # the column is there, the guard is not
    late = connect(url)
    late.autocommit = False
    late.cursor().execute(INSERT)
    migrate = manage.start("migrate", database_url=url)
    assert migrate.stderr is not None
    until(lambda: "waiting" in migrate.stderr.readline())  # type: ignore[union-attr]
    late.commit()
    assert migrate.wait(timeout=60) == 0
    onlooker = connect(url)
    assert pending(onlooker) == 1
    assert manage("rotate_tokens", database_url=url).returncode == 0
    assert value(onlooker, STILL_VALID) == 0
    assert pending(onlooker) == 0
