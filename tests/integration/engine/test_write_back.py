"""What a rotation writes reaches the disk early, not at a checkpoint while every COMMIT waits."""

from typing import Any

from tests.support.leaked import leak, value
from tests.support.rotations import RotationFactory
from token_rotation.engine.result import Outcome
from token_rotation.postgres.autocommit_session import AutocommitSession
from token_rotation.postgres.driver import sql
from token_rotation.selection.target import Target

EARLY = "128kB"
NOTE = """
    CREATE TABLE noted (setting text);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO noted VALUES (current_setting('backend_flush_after'));
        RETURN NULL;
    END $$;
    CREATE TRIGGER note AFTER UPDATE ON tickets_ticket EXECUTE FUNCTION note();
"""


def test_every_batch_writes_back_early(tickets: Any, other: Any, rotation: RotationFactory) -> None:
    leak(tickets, 300)
    tickets.cursor().execute(NOTE)
    with other, other.cursor() as cursor:
        cursor.execute("SELECT FROM tickets_ticket WHERE id = 1 FOR UPDATE")
        limited = rotation(limit_rows=200).run()  # the free rows of a range in which one is locked
    assert limited.outcome is Outcome.LIMIT_REACHED
    assert rotation().run().outcome is Outcome.COMPLETE
    assert value(tickets, "SELECT array_agg(DISTINCT setting) FROM noted") == [EARLY]


def test_a_vacuum_writes_back_early(tickets: Any, target: Target) -> None:
    settings: list[str] = []
    session = AutocommitSession(target.database)
    reason = session.attempt(
        lambda connection: settings.append(
            connection.value(sql.SQL("SELECT current_setting('backend_flush_after')"))
        )
    )
    assert reason is None
    assert settings == [EARLY]
