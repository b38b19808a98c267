"""A retired token is remembered by its hash, recognised, and can never be stored again."""

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.support import driver
from tests.support.leaked import assert_each_token_changed_once, leak, value
from tests.support.rotations import RotationFactory
from tests.support.waiting import until
from tickets.models import Ticket
from token_rotation.engine.result import Outcome
from token_rotation.errors import NotReadyError
from token_rotation.inspection.preflight import inspect
from token_rotation.models import RetiredToken
from token_rotation.postgres.reading import reading
from token_rotation.retired.kept import digest, is_retired, keeps_retired, recognise, still_valid
from token_rotation.selection.target import Target
from token_rotation.signals import retired_token_used
from token_rotation.targets.discovery import target_of
from token_rotation.tokens.sources import PythonTokens
from token_rotation.triggers.retired import keep_retired
from token_rotation.verification.retired_tokens import verify_retired

KEPT = "SELECT count(*) FROM token_rotation_retiredtoken"
KEPT_OF_LEAKED = (
    "SELECT count(*) FROM leaked JOIN token_rotation_retiredtoken "
    "ON hash = sha256(convert_to(token::text, 'UTF8'))"
)
ROTATE = (
    "UPDATE tickets_ticket SET token = gen_random_uuid(), token_rotated_at = clock_timestamp() "
    "WHERE id = %s"
)
SET = (
    "UPDATE tickets_ticket SET token = %s, token_rotated_at = {}, subject = 'as written' "
    "WHERE id = %s"
)
STORED = "SELECT token::text FROM tickets_ticket WHERE id = %s"


@pytest.fixture
def keeping(tickets: Any, target: Target, monkeypatch: pytest.MonkeyPatch) -> Target:
    """The target with its retired tokens kept."""
    triggers = keep_retired()
    monkeypatch.setattr(Ticket._meta, "triggers", [*Ticket._meta.triggers, *triggers])
    for trigger in triggers:
        tickets.cursor().execute(str(trigger.compile(Ticket).install_sql))
    found = target_of(Ticket, target.database)
    assert found is not None
    return found


def execute(connection: Any, query: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(query, values or None)


def token_of(tickets: Any, key: int) -> str:
    return str(value(tickets, STORED, key))


def test_a_rotation_keeps_the_hash_of_every_leaked_token_and_of_nothing_else(
    tickets: Any, rotation: RotationFactory, keeping: Target
) -> None:
    leak(tickets, 1000)
    result = rotation(target=keeping, workers=2, batch_rows=90).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, 1000)
    assert (value(tickets, KEPT), value(tickets, KEPT_OF_LEAKED)) == (1000, 1000)
    assert_each_token_changed_once(tickets)
    with reading(keeping.database) as connection:
        assert still_valid(connection, keeping) == 0


def test_a_token_is_recognised_from_the_moment_its_row_has_another(
    tickets: Any, keeping: Target
) -> None:
    leak(tickets, 2)
    leaked = token_of(tickets, 1)
    assert not is_retired(leaked, database=keeping.database)
    execute(tickets, ROTATE, 1)
    assert is_retired(leaked, database=keeping.database)
    assert is_retired(UUID(leaked), database=keeping.database)
    for other in (token_of(tickets, 1), token_of(tickets, 2), uuid4(), "", "é\0", 7, b"x"):
        assert not is_retired(other, database=keeping.database)


def test_hash_and_change_stand_or_fall_together(tickets: Any, other: Any, keeping: Target) -> None:
    leak(tickets, 1)
    execute(other, ROTATE, 1)
    assert value(tickets, KEPT) == 0
    other.rollback()
    assert value(tickets, KEPT) == 0
    execute(other, ROTATE, 1)
    other.commit()
    assert value(tickets, KEPT) == 1


def test_an_update_that_leaves_the_token_alone_calls_no_function(
    tickets: Any, keeping: Target
) -> None:
    leak(tickets, 1)
    with tickets.cursor() as cursor:
        cursor.execute(
            "EXPLAIN (ANALYZE, FORMAT JSON) "
            "UPDATE tickets_ticket SET status = 'closed', token = token"
        )
        (plan,) = cursor.fetchone()
    assert sum(trigger["Calls"] for trigger in plan[0]["Triggers"]) == 0


WRITES_OF_A_RETIRED_TOKEN = {
    "with a later marker": SET.format("clock_timestamp() + interval '1 hour'"),
    "without a marker": SET.format("NULL"),
    "with the marker kept": SET.format("token_rotated_at"),
}


@pytest.mark.parametrize("asked_again", [False, True])
@pytest.mark.parametrize(
    "write", WRITES_OF_A_RETIRED_TOKEN.values(), ids=WRITES_OF_A_RETIRED_TOKEN.keys()
)
def test_no_write_brings_a_retired_token_back_to_its_row_or_to_another(
    tickets: Any, keeping: Target, write: str, *, asked_again: bool
) -> None:
    leak(tickets, 2)
    leaked = token_of(tickets, 1)
    execute(tickets, ROTATE, 1)
    execute(tickets, ROTATE, 1)
    if asked_again:  # the guard alone takes what follows for another rotation
        execute(tickets, "UPDATE tickets_ticket SET token_rotated_at = NULL")
    before = [token_of(tickets, key) for key in (1, 2)]
    for key in (1, 2):
        execute(tickets, write, leaked, key)
    assert [token_of(tickets, key) for key in (1, 2)] == before
    assert value(tickets, "SELECT count(*) FROM tickets_ticket WHERE subject = 'as written'") == 2


def test_a_stale_save_after_a_second_request_to_rotate_brings_no_leaked_token_back(
    tickets: Any, keeping: Target
) -> None:
    leak(tickets, 1)
    stale = Ticket.objects.using(keeping.database).get(pk=1)
    execute(tickets, ROTATE, 1)
    execute(tickets, "UPDATE tickets_ticket SET token_rotated_at = NULL")
    stale.subject = "as written"
    stale.save()
    assert token_of(tickets, 1) != str(stale.token)
    assert value(tickets, "SELECT subject FROM tickets_ticket") == "as written"


def test_a_write_that_waits_while_its_token_is_retired_fails_and_tried_again_is_refused(
    tickets: Any, other: Any, database_url: str, connect: Callable[[str], Any], keeping: Target
) -> None:
    leak(tickets, 2)
    leaked, kept = token_of(tickets, 1), token_of(tickets, 2)
    writer = connect(database_url)
    pid = writer.info.backend_pid
    failed: list[Exception] = []

    def write() -> None:
        try:
            execute(writer, WRITES_OF_A_RETIRED_TOKEN["with a later marker"], leaked, 2)
        except driver.Error as error:
            failed.append(error)

    execute(other, ROTATE, 1)
    writing = threading.Thread(target=write)
    writing.start()
    until(lambda: value(tickets, "SELECT cardinality(pg_blocking_pids(%s))", pid))
    other.commit()
    writing.join()
    assert [driver.sqlstate_of(error) for error in failed] == ["40001"]
    assert leaked not in str(failed)
    write()
    assert len(failed) == 1
    assert token_of(tickets, 2) == kept


def test_a_token_source_that_gives_a_retired_token_leaves_its_row_pending(
    tickets: Any, rotation: RotationFactory, keeping: Target
) -> None:
    leak(tickets, 3)
    leaked = token_of(tickets, 1)
    calls: list[int] = []

    def give_back(rows: int) -> list[str]:
        calls.append(rows)
        fresh = [str(uuid4()) for _ in range(rows)]
        return [*fresh[1:], leaked] if len(calls) == 2 else fresh

    source = replace(keeping, token_source=PythonTokens(give_back))
    rotation(target=source, limit_rows=1).run()
    result = rotation(target=source).run()
    assert result.outcome is Outcome.COMPLETE
    assert not value(tickets, "SELECT count(*) FROM tickets_ticket WHERE token::text = %s", leaked)


@pytest.fixture
def used() -> Iterator[list[dict[str, Any]]]:
    used: list[dict[str, Any]] = []

    def hear(**named: Any) -> None:
        used.append(named)

    retired_token_used.connect(hear)
    yield used
    retired_token_used.disconnect(hear)


def test_the_use_of_a_retired_token_is_logged_and_signalled_without_it(
    tickets: Any,
    keeping: Target,
    used: list[dict[str, Any]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    leak(tickets, 1)
    leaked = token_of(tickets, 1)
    execute(tickets, ROTATE, 1)
    with caplog.at_level(logging.WARNING):
        assert isinstance(recognise(leaked, database=keeping.database), datetime)
        assert recognise(uuid4(), database=keeping.database) is None
    (signal,) = used
    assert set(signal) == {"signal", "sender", "database", "source", "retired_at"}
    assert signal["source"] == "tickets_ticket.token"
    assert [record.getMessage()[:32] for record in caplog.records] == [
        "a token of tickets_ticket.token "
    ]
    assert leaked not in caplog.text + str(used)


def test_a_retired_token_that_is_stored_past_the_triggers_is_found_without_a_list(
    tickets: Any, keeping: Target
) -> None:
    leak(tickets, 3)
    leaked = token_of(tickets, 1)
    execute(tickets, ROTATE, 1)
    execute(tickets, "SET session_replication_role = replica")
    execute(tickets, SET.format("NULL"), leaked, 2)
    with reading(keeping.database) as connection:
        assert still_valid(connection, keeping) == 1


def test_a_missing_or_disabled_trigger_stops_a_rotation_that_would_leave_tokens_unrecorded(
    tickets: Any, keeping: Target
) -> None:
    names = {trigger.uri.partition(":")[2]: trigger.name for trigger in keeping.guard_triggers}
    kept = {"guard_retired", "keep_retired", "keep_deleted"}
    assert set(names) == {"guard_insert", "guard_update", *kept}
    execute(tickets, f"ALTER TABLE tickets_ticket DISABLE TRIGGER {names['keep_retired']}")
    execute(tickets, f"DROP TRIGGER {names['guard_retired']} ON tickets_ticket")
    with reading(keeping.database) as connection:
        problems = inspect(connection, keeping).problems
    assert {problem.code for problem in problems} == {"token_rotation.E003", "token_rotation.E004"}


def test_a_role_that_may_not_keep_what_it_replaces_is_refused_before_the_first_row(
    tickets: Any, keeping: Target, limit_connections: Callable[[int], None]
) -> None:
    leak(tickets, 2)
    limit_connections(10)  # of a role that may rotate, and may not write there
    with reading(keeping.database) as connection:
        state = inspect(connection, keeping)
        (problem,) = state.problems
        assert problem.code == "token_rotation.E065"
        assert state.serves, "it may well read"
        execute(tickets, problem.mend.removesuffix(" in psql"))
        assert not inspect(connection, keeping).problems


def test_row_security_on_the_hashes_is_refused_whoever_looks(
    tickets: Any, keeping: Target, target: Target
) -> None:
    """A role that sees no hash stores a retired token, and nothing fails."""
    leak(tickets, 2)
    leaked = token_of(tickets, 1)
    execute(tickets, ROTATE, 1)
    execute(tickets, "ALTER TABLE token_rotation_retiredtoken ENABLE ROW LEVEL SECURITY")
    role = f"writer_{tickets.info.backend_pid}"
    execute(tickets, f"CREATE ROLE {role}; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}")
    execute(tickets, f"SET ROLE {role}")
    try:
        assert not value(
            tickets,
            "SELECT token_rotation_is_retired(sha256(convert_to(%s, 'UTF8')))",
            leaked,
        )
    finally:
        execute(tickets, f"RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}")
    with reading(keeping.database) as connection:
        state = inspect(connection, keeping)
        assert not inspect(connection, target).problems
    (problem,) = state.problems
    assert problem.code == "token_rotation.E059"
    assert not state.holds
    execute(tickets, problem.mend.removesuffix(" in psql"))
    with reading(keeping.database) as connection:
        assert not inspect(connection, keeping).problems


def test_retired_tokens_are_looked_for_only_in_the_table_that_everybody_means(
    tickets: Any, keeping: Target
) -> None:
    assert verify_retired([keeping], lambda _: None)
    execute(
        tickets,
        "CREATE SCHEMA ops; CREATE TABLE ops.tickets_ticket (LIKE tickets_ticket);"
        f'ALTER DATABASE "{tickets.info.dbname}" SET search_path = ops, public',
    )
    with pytest.raises(NotReadyError, match=r"means ops\.tickets_ticket here and public\."):
        verify_retired([keeping], lambda _: None)


def test_without_the_option_nothing_is_kept(
    tickets: Any, rotation: RotationFactory, target: Target
) -> None:
    leak(tickets, 10)
    rotation().run()
    assert not keeps_retired(Ticket)
    assert value(tickets, KEPT) == 0


@pytest.mark.parametrize("token", ["aé\"'\\ x", UUID(int=7), 12, b"\0\xff", "TK_Ab"])
def test_python_and_postgresql_hash_a_token_to_the_same_bytes(tickets: Any, token: object) -> None:
    kinds = {str: "text", UUID: "uuid", int: "bigint", bytes: "bytea"}
    query = f"SELECT sha256(convert_to(%s::{kinds[type(token)]}::text, 'UTF8'))"
    in_database = value(tickets, query, str(token) if isinstance(token, UUID) else token)
    assert digest(token) == bytes(in_database)
    assert len(digest(token)) == hashlib.sha256().digest_size == RetiredToken._meta.pk.max_length


def test_each_token_column_of_a_model_has_triggers_of_its_own_ahead_of_its_guard() -> None:
    names = [trigger.name for trigger in [*keep_retired(), *keep_retired("secret", "secret_at")]]
    kinds = ["guard_retired", "keep_retired", "keep_deleted"]
    assert names == [*kinds, *(f"{kind}_secret" for kind in kinds)]
    guard, *_ = guard_triggers = sorted([*names, "guard_update", "guard_update_secret"])
    assert guard == "guard_retired"
    assert guard_triggers.index("guard_retired_secret") < guard_triggers.index("guard_update")
