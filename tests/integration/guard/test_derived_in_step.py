"""The guard keeps a derived column in step with the token, whoever writes and whatever is sent."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.support.leaked import leak
from tests.support.rotations import RotationFactory
from tickets.models import Ticket
from token_rotation import guard
from token_rotation.inspection.preflight import inspect
from token_rotation.postgres.reading import reading
from token_rotation.selection.target import Target

pytestmark = pytest.mark.server_versions

SQL = "encode(sha256(convert_to({token}::text, 'UTF8')), 'hex')"
IN_STEP = SQL.format(token="token")
ROWS = 50
OUT_OF_STEP = f"SELECT count(*) FROM tickets_ticket WHERE subject IS DISTINCT FROM {IN_STEP}"
WISH = (
    "UPDATE tickets_ticket SET subject = 'written', token = CASE WHEN set_config("
    "'token_rotation.wish', encode(sha256(convert_to(id::text || ' ' || %(sent)s::uuid::text,"
    " 'UTF8')), 'hex'), true) <> '' THEN %(sent)s::uuid END WHERE id = 1"
)

Ask = Callable[..., Any]


@pytest.fixture
def ask(tickets: Any, target: Target) -> Iterator[Ask]:
    """Leaked tickets whose subject is the SHA-256 of their token, under a guard that says so."""
    leak(tickets, ROWS)
    cursor = tickets.cursor()
    cursor.execute(
        "ALTER TABLE tickets_ticket DISABLE TRIGGER USER;"
        f"UPDATE tickets_ticket SET subject = {IN_STEP};"
        "ALTER TABLE tickets_ticket ENABLE TRIGGER USER"
    )
    for trigger in guard(derived={"subject": SQL}):
        cursor.execute(str(trigger.compile(Ticket).install_sql))

    def ask(statement: str, values: Any = None) -> Any:
        cursor.execute(statement, values)
        return cursor.fetchone() if cursor.description else None

    yield ask
    assert ask(OUT_OF_STEP) == (0,)


def stored(ask: Ask) -> tuple[UUID, str]:
    token, subject = ask("SELECT token, subject FROM tickets_ticket WHERE id = 1")
    return UUID(str(token)), subject


def test_a_rotation_keeps_every_row_in_step(
    ask: Ask, rotation: RotationFactory, target: Target
) -> None:
    before = stored(ask)
    result = rotation(batch_rows=7).run()
    assert result.rotated_rows == ROWS
    assert ask("SELECT count(*) FROM tickets_ticket WHERE token_rotated_at IS NULL") == (0,)
    token, subject = stored(ask)
    assert token != before[0]
    assert subject != before[1]


def test_a_stale_save_brings_no_old_checksum_back(ask: Ask, rotation: RotationFactory) -> None:
    token, subject = stored(ask)
    rotation().run()
    fresh = stored(ask)
    stale = (
        "UPDATE tickets_ticket SET token = %s, subject = %s, token_rotated_at = NULL WHERE id = 1"
    )
    ask(stale, (str(token), subject))
    assert stored(ask) == fresh
    ask("UPDATE tickets_ticket SET subject = %s WHERE id = 1", (subject,))
    assert stored(ask) == fresh


def test_a_row_that_is_pending_keeps_its_checksum_too(ask: Ask) -> None:
    before = stored(ask)
    ask("UPDATE tickets_ticket SET subject = 'written' WHERE id = 1")
    assert stored(ask) == before
    ask("UPDATE tickets_ticket SET subject = 'written', token = %s WHERE id = 1", (str(uuid4()),))
    assert stored(ask) != before


def test_a_wish_and_an_insert_compute_it_from_what_is_stored(
    ask: Ask, rotation: RotationFactory
) -> None:
    rotation().run()
    before, sent = stored(ask), uuid4()
    ask(WISH, {"sent": str(sent)})
    token, _ = stored(ask)
    assert token not in (sent, before[0])
    ask(
        "INSERT INTO tickets_ticket (id, subject, status, created_at, token)"
        " VALUES (1000, 'written', 'open', now(), %s)",
        (str(sent),),
    )
    assert ask("SELECT count(*) FROM tickets_ticket") == (ROWS + 1,)


def test_a_guard_that_does_not_know_the_column_is_refused(ask: Ask, target: Target) -> None:
    declared = replace(target, derived=("subject",), derived_sql=(SQL,))
    assert codes(declared) & {"token_rotation.E030", "token_rotation.E053"}
    assert "token_rotation.E050" in codes(target)
    for trigger in guard():
        ask(str(trigger.compile(Ticket).install_sql))
    assert codes(target) == {"token_rotation.E050"}


def codes(target: Target) -> set[str]:
    with reading(target.database) as connection:
        return {problem.code for problem in inspect(connection, target).problems}


@pytest.mark.parametrize(
    ("sent", "is_told"),
    [(IN_STEP, False), ("'of an old token'", True), ("'another'", True), ("NULL", True)],
    ids=["right", "as it was", "another", "none"],
)
@pytest.mark.parametrize("kept", ["'of an old token'", "NULL", IN_STEP])
def test_a_writer_is_told_when_what_it_sent_was_not_stored(
    tickets: Any, ask: Ask, kept: str, sent: str, *, is_told: bool
) -> None:
    """A column that was out of step before says nothing about what the writer sent."""
    ask("ALTER TABLE tickets_ticket ALTER subject DROP NOT NULL")
    ask("SET session_replication_role = replica")
    ask(f"UPDATE tickets_ticket SET subject = {kept} WHERE id = 1")
    ask("RESET session_replication_role")
    tickets.notices.clear()
    ask(f"UPDATE tickets_ticket SET subject = {sent} WHERE id = 1")
    passes = kept == sent  # the function is not called: nothing was changed
    assert bool(tickets.notices) is (is_told and not passes)
    ask(f"UPDATE tickets_ticket SET subject = {IN_STEP} WHERE id = 1")
