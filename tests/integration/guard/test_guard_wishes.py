"""A wish is bound to its row, its value and its statement; what is refused is told."""

import re
import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pgtrigger
import pytest

from tests.support import driver
from tests.support.documents import DOCS
from tests.support.leaked import leak, value
from tests.support.waiting import until
from tickets.models import Ticket
from token_rotation.triggers.guard import guard
from token_rotation.triggers.retired import keep_retired

CAST = "CAST(%(token)s AS uuid)"
DIGEST = (
    f"encode(sha256(convert_to(tickets_ticket.id::text || ' ' || {CAST}::text, 'UTF8')), 'hex')"
)
WISH = (
    f"UPDATE tickets_ticket SET token = CASE WHEN set_config('token_rotation.wish', {DIGEST}, true)"
    f" <> '' THEN {CAST} END WHERE id = %(id)s"
)
WRITE = "UPDATE tickets_ticket SET token = %(token)s WHERE id = %(id)s"
ROTATE = (
    "UPDATE tickets_ticket SET token = gen_random_uuid(), token_rotated_at = clock_timestamp()"
    " WHERE id = %(id)s"
)
STORED = "SELECT token::text FROM tickets_ticket WHERE id = %s"
MARKER = "SELECT token_rotated_at FROM tickets_ticket WHERE id = %s"


def execute(connection: Any, query: str, **values: Any) -> list[str]:
    """Carry a statement out; what the client is told."""
    connection.notices.clear()
    with connection.cursor() as cursor:
        cursor.execute(query, values or None)
    return list(connection.notices)


def stored(connection: Any, key: int) -> str:
    return str(value(connection, STORED, key))


def install(connection: Any, *triggers: pgtrigger.Trigger) -> None:
    """The triggers of today's declaration, whatever migrations installed."""
    for trigger in triggers:
        execute(connection, str(trigger.compile(Ticket).install_sql))


@pytest.fixture
def rotated(tickets: Any) -> Any:
    """Three leaked tickets that were rotated since."""
    install(tickets, *guard())
    leak(tickets, 3)
    execute(tickets, ROTATE.replace("id = %(id)s", "true"))
    return tickets


@pytest.fixture
def sent(rotated: Any) -> Any:
    """The same where the application chooses its tokens; the rotated ones were kept."""
    install(rotated, *guard(accept="sent"), *keep_retired())
    execute(
        rotated,
        "INSERT INTO token_rotation_retiredtoken"
        " SELECT sha256(convert_to(token::text, 'UTF8')), 'x.y', now() FROM leaked",
    )
    return rotated


def leaked_token(connection: Any, key: int) -> str:
    return str(value(connection, "SELECT token::text FROM leaked WHERE id = %s", key))


def test_a_wish_gets_a_fresh_token_and_a_later_marker(rotated: Any) -> None:
    before, marker, asked = stored(rotated, 1), value(rotated, MARKER, 1), str(uuid4())
    assert execute(rotated, WISH, id=1, token=asked) == []
    assert stored(rotated, 1) not in {before, asked}
    assert value(rotated, MARKER, 1) > marker


def test_a_form_from_before_the_rotation_gets_a_fresh_token_too(rotated: Any) -> None:
    leaked = leaked_token(rotated, 1)
    assert execute(rotated, WISH, id=1, token=leaked) == []
    assert stored(rotated, 1) != leaked


@pytest.mark.parametrize("other", ["the same value again", "another value", "another row"])
def test_after_a_wish_a_stale_save_in_the_same_transaction_is_refused(
    rotated: Any, other: str
) -> None:
    asked, key = str(uuid4()), 2 if other == "another row" else 1
    execute(rotated, "BEGIN")
    execute(rotated, WISH, id=1, token=asked)
    kept = stored(rotated, key)
    stale = leaked_token(rotated, 1) if other == "another value" else asked
    (told,) = execute(rotated, WRITE, id=key, token=stale)
    execute(rotated, "COMMIT")
    assert stored(rotated, key) == kept
    assert told == (
        "WARNING:  tickets_ticket: token and marker were kept: this write is neither a rotation "
        "nor a wish\n"
    )


def test_a_wish_for_what_is_stored_already_opens_no_way_for_a_stale_save(rotated: Any) -> None:
    token, leaked = stored(rotated, 1), leaked_token(rotated, 1)
    execute(rotated, "BEGIN")
    assert execute(rotated, WISH, id=1, token=token) == []
    assert stored(rotated, 1) == token
    assert len(execute(rotated, WRITE, id=1, token=leaked)) == 1
    assert stored(rotated, 1) == token
    execute(rotated, ROTATE, id=1)
    assert execute(rotated, WRITE, id=1, token=token) == []  # the wish still holds
    execute(rotated, "COMMIT")
    assert stored(rotated, 1) not in {token, leaked}


def test_a_wish_ends_with_its_transaction(rotated: Any) -> None:
    token = stored(rotated, 1)
    execute(rotated, WISH, id=1, token=token)
    execute(rotated, ROTATE, id=1)
    kept = stored(rotated, 1)
    assert len(execute(rotated, WRITE, id=1, token=token)) == 1
    assert stored(rotated, 1) == kept


def test_wishes_of_several_tokens_in_one_statement_are_all_carried_out(rotated: Any) -> None:
    asked, other = str(uuid4()), str(uuid4())
    execute(
        rotated,
        "BEGIN; SELECT set_config('token_rotation.wish', string_agg(encode(sha256(convert_to("
        "'1 ' || token, 'UTF8')), 'hex'), ''), true) FROM unnest(%(both)s) AS token",
        both=[asked, other],
    )
    for token in (other, asked):
        before = stored(rotated, 1)
        assert execute(rotated, WRITE, id=1, token=token) == []
        assert stored(rotated, 1) not in {before, token}
    assert value(rotated, "SELECT current_setting('token_rotation.wish')") == ""
    execute(rotated, "COMMIT")


def test_no_ignored_trigger_lets_an_update_bring_a_leaked_token_back(rotated: Any) -> None:
    kept = stored(rotated, 1)
    names = "SELECT array_agg(tgname)::text FROM pg_trigger WHERE NOT tgisinternal"
    ignored = value(rotated, names)
    write = f"BEGIN; SELECT set_config('pgtrigger.ignore', %(all)s, true); {WRITE}; COMMIT"
    told = execute(rotated, write, all=ignored, id=1, token=leaked_token(rotated, 1))
    assert (stored(rotated, 1), len(told)) == (kept, 1)


def test_the_documented_trigger_closes_the_door_of_pgtrigger_ignore(rotated: Any) -> None:
    page = (DOCS / "reference" / "guard.md").read_text()
    (statements,) = re.findall(r"^```sql\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    execute(rotated, statements)
    insert = (
        "INSERT INTO tickets_ticket (id, subject, status, created_at)"
        " VALUES ({}, 'x', 'open', now())"
    )
    (name,) = (trigger.get_pgid(Ticket) for trigger in guard()[:1])
    ignored = f"BEGIN; SELECT set_config('pgtrigger.ignore', '{{{name}}}', true); "
    with pytest.raises(driver.errors.CheckViolation):
        execute(rotated, ignored + insert.format(8))
    execute(rotated, "ROLLBACK")
    execute(rotated, insert.format(9))
    assert value(rotated, "SELECT max(id) FROM tickets_ticket") == 9


# The application chooses the value


def test_a_chosen_token_is_stored_and_its_marker_moves_on(sent: Any) -> None:
    marker, asked = value(sent, MARKER, 1), str(uuid4())
    assert execute(sent, WISH, id=1, token=asked) == []
    assert stored(sent, 1) == asked
    assert value(sent, MARKER, 1) > marker


@pytest.mark.parametrize("key", [1, 2])
def test_a_leaked_token_is_refused_aloud_and_not_quoted(sent: Any, key: int) -> None:
    leaked, kept = leaked_token(sent, 1), stored(sent, key)
    insert = (
        "INSERT INTO tickets_ticket (subject, status, created_at, token)"
        " VALUES ('x', 'open', now(), %(token)s)"
    )
    for write in (WISH, insert):
        with pytest.raises(driver.errors.CheckViolation) as refused:
            execute(sent, write, id=key, token=leaked)
        assert str(refused.value).startswith(
            "tickets_ticket: the token that was sent is retired: send another\n"
        )
        assert leaked not in str(refused.value)
    assert stored(sent, key) == kept
    assert value(sent, "SELECT count(*) FROM tickets_ticket") == 3


def test_a_stale_save_of_a_retired_token_is_refused_with_a_warning(sent: Any) -> None:
    kept = stored(sent, 1)
    told = execute(sent, WRITE, id=1, token=leaked_token(sent, 1))
    assert told == [
        "WARNING:  tickets_ticket: token and marker were kept: the token that was sent is retired\n"
    ]
    assert stored(sent, 1) == kept


def test_an_insert_that_waits_while_its_token_is_retired_fails_and_is_refused_next_time(
    sent: Any, other: Any, database_url: str, connect: Callable[[str], Any]
) -> None:
    token, writer, failed = stored(sent, 1), connect(database_url), []

    def insert() -> None:
        try:
            execute(
                writer,
                "INSERT INTO tickets_ticket (id, subject, status, created_at, token)"
                " VALUES (9, 'x', 'open', now(), %(token)s)",
                token=token,
            )
        except driver.Error as error:
            failed.append(error)

    execute(other, ROTATE, id=1)
    inserting = threading.Thread(target=insert)
    inserting.start()
    until(lambda: value(sent, "SELECT cardinality(pg_blocking_pids(%s))", writer.info.backend_pid))
    other.commit()
    inserting.join()
    insert()
    assert [driver.sqlstate_of(error) for error in failed] == ["40001", "23514"]
    assert token not in str(failed)
    assert value(sent, "SELECT count(*) FROM tickets_ticket") == 3
