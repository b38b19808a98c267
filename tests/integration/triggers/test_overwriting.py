"""The look for triggers that overwrite tokens, at the start of a rotation, waits for nobody."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.support.leaked import leak
from token_rotation.engine.overwriting import try_others
from token_rotation.engine.worker_pool import WorkerPool
from token_rotation.errors import NotReadyError
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.reading import reading
from token_rotation.selection.target import Target

OVERWRITES = """
CREATE FUNCTION overwrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.token := {}; RETURN NEW; END $$;
CREATE TRIGGER zz_overwrite BEFORE UPDATE ON tickets_ticket FOR EACH ROW
EXECUTE FUNCTION overwrite();
"""


def tried(connection: Connection, target: Target) -> list[str]:
    worker = SimpleNamespace(
        connection=connection, retrying=SimpleNamespace(run=lambda action: action())
    )
    pool = SimpleNamespace(by_one=lambda ask: ask(worker))
    return try_others(target, cast(WorkerPool, pool))


def test_it_does_not_wait_for_whoever_locks_the_table(
    tickets: Any, target: Target, other: Any
) -> None:
    leak(tickets, 1)
    tickets.cursor().execute(f"ALTER DATABASE \"{tickets.info.dbname}\" SET lock_timeout = '50ms'")
    other.cursor().execute("LOCK TABLE tickets_ticket IN ACCESS EXCLUSIVE MODE")
    with reading(target.database) as connection:
        assert tried(connection, target) == []


def test_a_trigger_that_overwrites_tokens_is_refused_by_name(tickets: Any, target: Target) -> None:
    leak(tickets, 1)
    tickets.cursor().execute(OVERWRITES.format("OLD.token"))
    with (
        pytest.raises(NotReadyError, match=r"zz_overwrite.* Nothing was changed\. Run: "),
        reading(target.database) as connection,
    ):
        tried(connection, target)


def test_a_trigger_that_may_overwrite_tokens_and_did_not_is_named(
    tickets: Any, target: Target
) -> None:
    leak(tickets, 1)
    tickets.cursor().execute(OVERWRITES.format("NEW.token"))
    with reading(target.database) as connection:
        assert any("zz_overwrite" in name for name in tried(connection, target))
