"""Triggers of others that write the table by statements of their own, after the guard."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.leaked import assert_each_token_changed_once, leak, pending, value
from tests.support.rotations import RotationFactory
from token_rotation.engine.result import Outcome
from token_rotation.errors import NotReadyError, OverwrittenTokensError
from token_rotation.inspection.preflight import GuardState, inspect
from token_rotation.postgres.reading import reading
from token_rotation.selection.target import Target

pytestmark = pytest.mark.server_versions

FUNCTION = """
CREATE FUNCTION legacy() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN
{body}
RETURN NULL; END $body$;
"""
ROW = "CREATE TRIGGER legacy_sync AFTER {} ON tickets_ticket FOR EACH ROW EXECUTE FUNCTION legacy()"
CONSTRAINT = (
    "CREATE CONSTRAINT TRIGGER legacy_sync AFTER UPDATE ON tickets_ticket DEFERRABLE INITIALLY "
    "DEFERRED FOR EACH ROW EXECUTE FUNCTION legacy()"
)
STATEMENT = (
    "CREATE TRIGGER legacy_sync AFTER UPDATE ON tickets_ticket REFERENCING OLD TABLE AS before "
    "NEW TABLE AS now FOR EACH STATEMENT EXECUTE FUNCTION legacy()"
)
BEFORE = ROW.format("UPDATE").replace("AFTER", "BEFORE").replace("legacy_sync", "aa_sync")
BACK = "SET token = OLD.token, token_rotated_at = clock_timestamp() WHERE id = NEW.id"
UNDO = f"""
IF pg_trigger_depth() = 1 AND NEW.token <> OLD.token THEN UPDATE tickets_ticket {BACK}; END IF;
"""
UNDO_ALL = """
IF pg_trigger_depth() = 1 THEN UPDATE tickets_ticket AS t SET (token, token_rotated_at)
    = (before.token, clock_timestamp()) FROM before WHERE t.id = before.id; END IF;
"""
PREDICTABLE = """
UPDATE tickets_ticket SET token = md5(subject)::uuid, token_rotated_at = clock_timestamp()
WHERE id = NEW.id;
"""
HIDDEN = """
IF pg_trigger_depth() = 1 AND NEW.token <> OLD.token AND {when} THEN
EXECUTE 'UPDATE tickets_ticket SET to' || 'ken = $1, to' || 'ken_rotated_at = clock_timestamp() '
    'WHERE id = $2' USING OLD.token, NEW.id; END IF;
"""
INTO_AUDIT = "INSERT INTO audit (id, token) VALUES (NEW.id, NEW.token);"


@pytest.fixture
def look(target: Target) -> Callable[[], GuardState]:
    def look() -> GuardState:
        with reading(target.database) as connection:
            return inspect(connection, target)

    return look


def install(tickets: Any, body: str, trigger: str = ROW.format("UPDATE")) -> None:
    tickets.cursor().execute("CREATE TABLE audit (id bigint, token uuid, marker timestamptz)")
    tickets.cursor().execute(FUNCTION.format(body=body) + trigger)


@pytest.mark.parametrize(
    ("body", "trigger"),
    [
        (UNDO, ROW.format("UPDATE")),
        (UNDO, CONSTRAINT),
        (UNDO_ALL, STATEMENT),
        (PREDICTABLE, ROW.format("INSERT")),
        (UNDO, BEFORE),
        (f"NEW.token := OLD.token; {UNDO}", BEFORE),
    ],
    ids=[
        "row",
        "deferred constraint",
        "statement",
        "insert",
        "a statement before the guard",
        "both",
    ],
)
def test_a_trigger_that_updates_token_and_marker_is_refused(
    tickets: Any, look: Callable[[], GuardState], body: str, trigger: str
) -> None:
    install(tickets, body, trigger)
    state = look()
    assert [each.code for each in state.problems] == ["token_rotation.E031"]
    assert "_sync on tickets_ticket" in state.problems[0].sentence
    assert not state.holds
    tickets.cursor().execute(state.problems[0].mend.partition(" in psql")[0])
    assert look().holds


@pytest.mark.parametrize("trigger", [ROW.format("UPDATE"), CONSTRAINT], ids=["row", "deferred"])
def test_what_a_text_does_not_tell_is_tried_and_refused(
    tickets: Any,
    look: Callable[[], GuardState],
    rotation: RotationFactory,
    trigger: str,
) -> None:
    leak(tickets, 20)
    install(tickets, HIDDEN.format(when="true"), trigger)
    assert [each.code for each in look().warnings] == ["token_rotation.W030"]
    with pytest.raises(NotReadyError, match="legacy_sync on tickets_ticket overwrites"):
        rotation().run()
    assert pending(tickets) == 20


@pytest.mark.parametrize("trigger", [ROW.format("UPDATE"), CONSTRAINT], ids=["row", "deferred"])
def test_what_its_trial_does_not_show_is_seen_before_the_batch_commits(
    tickets: Any, rotation: RotationFactory, trigger: str
) -> None:
    leak(tickets, 20)
    install(tickets, HIDDEN.format(when="NEW.id = 14"), trigger)
    with pytest.raises(OverwrittenTokensError, match="legacy_sync on tickets_ticket"):
        rotation(batch_rows=5).run()
    assert pending(tickets) == 10
    assert value(tickets, "SELECT token_rotated_at IS NULL FROM tickets_ticket WHERE id = 14")


@pytest.mark.parametrize(
    "body",
    [
        "PERFORM helper(NEW.id, OLD.token);",
        "PERFORM public.helper(NEW.id, OLD.token);",
        "PERFORM outer_helper(NEW.id, OLD.token);",
        "UPDATE every_ticket SET secret = OLD.token, changed = now() WHERE id = NEW.id;",
    ],
)
def test_what_it_calls_and_views_of_the_table_count_too(
    tickets: Any, look: Callable[[], GuardState], body: str
) -> None:
    tickets.cursor().execute(
        """
        CREATE FUNCTION helper(key bigint, old uuid) RETURNS void LANGUAGE sql AS $$
        UPDATE tickets_ticket SET token = old, token_rotated_at = clock_timestamp()
        WHERE id = key $$;
        CREATE FUNCTION outer_helper(key bigint, old uuid) RETURNS void LANGUAGE plpgsql AS
        $$ BEGIN PERFORM helper(key, old); END $$;
        CREATE VIEW some_tickets AS SELECT id, token AS secret, token_rotated_at AS changed
        FROM tickets_ticket;
        CREATE VIEW every_ticket AS SELECT * FROM some_tickets;
        """
    )
    install(tickets, body)
    state = look()
    found = [each.code for each in (*state.problems, *state.warnings)]
    assert len(found) == 1
    assert found[0] in {"token_rotation.E031", "token_rotation.W030"}


@pytest.mark.parametrize(
    "body",
    [
        INTO_AUDIT,
        "INSERT INTO audit SELECT NEW.id, NEW.token; -- then UPDATE tickets_ticket SET token = 1",
        "INSERT INTO history.tickets_ticket (id, token) VALUES (NEW.id, OLD.token);",
        "UPDATE audit SET token = NEW.token, marker = NEW.token_rotated_at WHERE id = NEW.id;",
        "UPDATE tickets_ticket SET status = 'x' WHERE token = NEW.token AND status <> 'x';",
        "PERFORM note(NEW.id); PERFORM pg_notify('tickets', NEW.id::text);",
        "DELETE FROM audit WHERE id = NEW.id; PERFORM 1 FROM tickets_ticket FOR UPDATE;",
        "INSERT INTO audit (id) VALUES (NEW.id) ON CONFLICT DO NOTHING;",
    ],
)
@pytest.mark.parametrize("event", ["INSERT", "UPDATE"])
def test_a_trigger_that_writes_elsewhere_is_no_matter(
    tickets: Any, look: Callable[[], GuardState], body: str, event: str
) -> None:
    tickets.cursor().execute(
        """
        CREATE SCHEMA history; CREATE TABLE history.tickets_ticket (id bigint, token uuid);
        CREATE FUNCTION note(key bigint) RETURNS void LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO audit (id) VALUES (key); END $$;
        """
    )
    body = body.replace("OLD.token", "NEW.token") if event == "INSERT" else body
    install(tickets, body, ROW.format(event))
    state = look()
    assert (state.problems, state.warnings, state.to_try) == ((), (), ())


def test_foreign_keys_and_postgresqls_own_triggers_are_no_matter(
    tickets: Any, look: Callable[[], GuardState]
) -> None:
    tickets.cursor().execute(
        """
        ALTER TABLE tickets_ticket ADD COLUMN parent bigint REFERENCES tickets_ticket
            ON DELETE CASCADE ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED,
            ADD COLUMN search tsvector;
        CREATE TRIGGER words BEFORE INSERT OR UPDATE ON tickets_ticket FOR EACH ROW EXECUTE FUNCTION
            tsvector_update_trigger(search, 'pg_catalog.english', subject);
        CREATE TRIGGER zz_same BEFORE UPDATE ON tickets_ticket FOR EACH ROW EXECUTE FUNCTION
            suppress_redundant_updates_trigger();
        """
    )
    state = look()
    assert (state.problems, state.warnings) == ((), ())


def test_a_harmless_trigger_in_doubt_stops_nothing(tickets: Any, rotation: RotationFactory) -> None:
    leak(tickets, 20)
    body = f"EXECUTE 'INSERT INTO audit (id) VALUES ($1)' USING NEW.id; {INTO_AUDIT}"
    install(tickets, body, CONSTRAINT)
    assert rotation(batch_rows=5).run().outcome is Outcome.COMPLETE
    assert_each_token_changed_once(tickets)
    assert value(tickets, "SELECT count(*) FROM audit") == 40


@pytest.mark.parametrize(
    "damage",
    [
        "ALTER TABLE tickets_ticket DISABLE TRIGGER {name}",
        "DROP TRIGGER {name} ON tickets_ticket",
        (
            "CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RETURN NEW; END $$"
        ),
    ],
    ids=["disabled", "missing", "changed"],
)
def test_who_mends_a_guard_is_told_to_rotate_what_was_written_meanwhile(
    tickets: Any, target: Target, look: Callable[[], GuardState], damage: str
) -> None:
    tickets.cursor().execute(damage.format(name=target.guard_triggers[1].name))
    (problem,) = look().problems
    assert "may be leaked" in problem.mend
    assert problem.mend.endswith(f"{target.whole_command} --issued-before now")
