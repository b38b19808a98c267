"""A trigger whose text does not tell is tried on one row, and each batch is checked after it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from tests.support.leaked import assert_each_token_changed_once, leak, pending, value
from tests.support.rotations import RotationFactory
from token_rotation.engine.result import Outcome
from token_rotation.errors import NotReadyError, OverwrittenTokensError
from token_rotation.events import Event, Remark
from token_rotation.inspection.triggers.other_triggers import find_suspects
from token_rotation.inspection.triggers.tree import read_tree
from token_rotation.inspection.triggers.trial import try_suspects
from token_rotation.postgres.reading import reading
from token_rotation.selection.target import Target
from token_rotation.tokens.sources import PythonTokens

pytestmark = pytest.mark.server_versions

# The text of such a function does not tell which columns it writes.
TRIGGER = """
CREATE OR REPLACE FUNCTION legacy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {body}
    RETURN NEW;
END $$;
CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW {when} EXECUTE FUNCTION legacy();
"""
HARMLESS = "NEW := jsonb_populate_record(NEW, '{}');"
PREDICTABLE = (
    "NEW := jsonb_populate_record(NEW, jsonb_build_object('tok' || 'en', md5(NEW.subject)::uuid));"
)
STALE = (
    "IF OLD.token_rotated_at IS NOT NULL THEN NEW := "
    "jsonb_populate_record(NEW, jsonb_build_object('tok' || 'en', md5('1')::uuid)); END IF;"
)


def trigger(
    body: str, name: str = "zz_legacy", event: str = "UPDATE", when: str = "", table: str = ""
) -> str:
    return TRIGGER.format(
        body=body, name=name, event=event, when=when, table=table or "tickets_ticket"
    )


def tokens(tickets: Any) -> str:
    return str(value(tickets, "SELECT string_agg(t::text, ',' ORDER BY id) FROM tickets_ticket t"))


@pytest.mark.parametrize("name", ["zz_legacy", "aa_legacy"])
@pytest.mark.parametrize("made", ["on the server", "in Python"])
def test_a_trigger_that_overwrites_a_rotations_token_is_refused_before_anything_is_written(
    tickets: Any, target: Target, rotation: RotationFactory, name: str, made: str
) -> None:
    leak(tickets, 20)
    tickets.cursor().execute(trigger(PREDICTABLE, name))
    before = tokens(tickets)
    if made == "in Python":
        target = with_tokens_from_python(target)
    engine = rotation(target=target)
    with pytest.raises(NotReadyError, match=f"{name} on tickets_ticket overwrites") as raised:
        engine.run()
    assert "Nothing was changed" in str(raised.value)
    assert "a rotation stored another token" in str(raised.value)
    assert (tokens(tickets), engine.result.rotated_rows) == (before, 0)


def with_tokens_from_python(target: Target) -> Target:
    return replace(target, token_source=PythonTokens(lambda count: [uuid4() for _ in range(count)]))


def test_a_trigger_that_changes_the_token_at_a_later_save_is_refused(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 20)
    tickets.cursor().execute(trigger(STALE))
    before = tokens(tickets)
    with pytest.raises(NotReadyError, match="a stale save"):
        rotation().run()
    assert tokens(tickets) == before


def test_a_trigger_that_overwrites_the_token_of_an_insert_is_refused(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 20)
    tickets.cursor().execute(trigger(PREDICTABLE, event="INSERT"))
    before = tokens(tickets)
    with pytest.raises(NotReadyError, match="two INSERTs got the same token"):
        rotation().run()
    assert tokens(tickets) == before


def test_the_trial_inserts_no_row_takes_no_key_and_fires_no_after_trigger(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 20)
    tickets.cursor().execute(
        """
        CREATE SEQUENCE fired;
        CREATE FUNCTION count_it() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM nextval('fired'); RETURN NULL; END $$;
        CREATE TRIGGER note AFTER INSERT ON tickets_ticket FOR EACH ROW
        EXECUTE FUNCTION count_it();
        """
    )
    tickets.cursor().execute(trigger(HARMLESS, event="INSERT"))
    keys = "SELECT last_value FROM tickets_ticket_id_seq"
    before = value(tickets, keys)
    assert rotation().run().outcome is Outcome.COMPLETE
    assert value(tickets, keys) == before
    assert value(tickets, "SELECT is_called FROM fired") is False
    assert_each_token_changed_once(tickets)


@pytest.mark.parametrize("made", ["on the server", "in Python"])
@pytest.mark.parametrize("options", [{"batch_rows": 30}, {"limit_rows": 70}, {"workers": 2}])
def test_a_trigger_that_passes_its_trial_is_named_and_the_rotation_goes_on(
    tickets: Any,
    target: Target,
    rotation: RotationFactory,
    made: str,
    options: dict[str, Any],
) -> None:
    leak(tickets, 70)
    tickets.cursor().execute(trigger(HARMLESS, event="INSERT OR UPDATE"))
    if made == "in Python":
        target = with_tokens_from_python(target)
    events: list[Event] = []
    result = rotation(events.append, target=target, **options).run()
    assert result.rotated_rows == 70
    assert_each_token_changed_once(tickets)
    remarks = [event.text for event in events if isinstance(event, Remark)]
    assert any("zz_legacy on tickets_ticket" in text for text in remarks)


@pytest.mark.parametrize("made", ["on the server", "in Python"])
@pytest.mark.parametrize("name", ["zz_legacy", "aa_legacy"])
def test_a_batch_in_which_a_trigger_overwrites_one_row_is_rolled_back_and_ends_the_run(
    tickets: Any, target: Target, rotation: RotationFactory, made: str, name: str
) -> None:
    leak(tickets, 60)
    tickets.cursor().execute(trigger(PREDICTABLE, name, when="WHEN (OLD.id = 35)"))
    if made == "in Python":
        target = with_tokens_from_python(target)
    engine = rotation(target=target, batch_rows=20)
    with pytest.raises(OverwrittenTokensError, match=f"{name} on tickets_ticket") as raised:
        engine.run()
    assert "rolled back" in str(raised.value)
    assert engine.result.rotated_rows == 20
    assert pending(tickets) == 40
    overwritten = "SELECT count(*) FROM tickets_ticket WHERE token = md5(subject)::uuid"
    assert value(tickets, overwritten) == 0


def test_a_row_that_is_overwritten_alone_after_a_wait_is_rolled_back_too(
    tickets: Any, rotation: RotationFactory, other: Any
) -> None:
    leak(tickets, 3)
    tickets.cursor().execute(trigger(PREDICTABLE, when="WHEN (OLD.id = 2)"))
    other.cursor().execute("SELECT FROM tickets_ticket WHERE id = 2 FOR UPDATE")

    def let_go(event: Event) -> None:
        if type(event).__name__ == "Waiting":
            other.rollback()

    with pytest.raises(OverwrittenTokensError):
        rotation(let_go).run()
    assert pending(tickets) == 1


def test_what_a_deferred_trigger_overwrites_is_seen_before_the_commit(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 5)
    tickets.cursor().execute(trigger(HARMLESS))
    tickets.cursor().execute(
        """
        CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        UPDATE tickets_ticket SET token = md5(subject)::uuid, token_rotated_at = clock_timestamp()
        WHERE id = NEW.id AND token <> md5(subject)::uuid; RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER later AFTER UPDATE ON tickets_ticket DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW WHEN (OLD.id = 4) EXECUTE FUNCTION later();
        """
    )
    with pytest.raises(OverwrittenTokensError):
        rotation(batch_rows=3).run()
    assert pending(tickets) == 2


def test_nothing_is_tried_where_no_trigger_is_in_doubt(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 3)
    tickets.cursor().execute(
        """
        CREATE SEQUENCE fired;
        CREATE FUNCTION count_it() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM nextval('fired'); RETURN NEW; END $$;
        CREATE TRIGGER note BEFORE INSERT OR UPDATE ON tickets_ticket FOR EACH ROW
        EXECUTE FUNCTION count_it();
        """
    )
    rotation().run()
    assert value(tickets, "SELECT last_value FROM fired") == 3


def test_a_trial_that_meets_an_error_tells_nothing_and_batches_are_checked(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 10)
    frozen = "OLD.id = 1 AND OLD.token_rotated_at IS NOT NULL"
    body = f"IF {frozen} THEN RAISE EXCEPTION 'frozen'; END IF; {HARMLESS}"
    tickets.cursor().execute(trigger(body))
    assert rotation().run().outcome is Outcome.COMPLETE
    assert_each_token_changed_once(tickets)


COUNTED = "PERFORM nextval('fired'); "


def test_a_role_without_the_right_to_insert_tries_the_rest(
    tickets: Any,
    rotation: RotationFactory,
    limit_connections: Callable[[int], None],
) -> None:
    leak(tickets, 10)
    limit_connections(5)
    tickets.cursor().execute(trigger(HARMLESS, event="INSERT OR UPDATE"))
    assert rotation().run().outcome is Outcome.COMPLETE
    tickets.cursor().execute("UPDATE tickets_ticket SET token_rotated_at = NULL")
    tickets.cursor().execute("DROP TRIGGER zz_legacy ON tickets_ticket")
    tickets.cursor().execute(trigger(PREDICTABLE, event="INSERT OR UPDATE"))
    with pytest.raises(NotReadyError, match="a rotation stored another token"):
        rotation().run()


def test_nothing_is_tried_on_a_server_that_takes_no_writes(tickets: Any, target: Target) -> None:
    leak(tickets, 3)
    tickets.cursor().execute(f"CREATE SEQUENCE fired; {trigger(COUNTED + PREDICTABLE)}")
    name = value(tickets, "SELECT current_database()")
    tickets.cursor().execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    with reading(target.database) as connection:
        suspects = find_suspects(read_tree(connection, target, with_conditions=False), target)
        assert [suspect.trigger.name for suspect in suspects] == ["zz_legacy"]
        assert list(try_suspects(connection, target, suspects)) == []
    assert value(tickets, "SELECT is_called FROM fired") is False


def test_a_row_that_somebody_holds_is_not_waited_for(
    tickets: Any, target: Target, other: Any
) -> None:
    leak(tickets, 1)
    tickets.cursor().execute(f"CREATE SEQUENCE fired; {trigger(COUNTED + PREDICTABLE)}")
    other.cursor().execute("SELECT FROM tickets_ticket FOR KEY SHARE")
    with reading(target.database) as connection:
        suspects = find_suspects(read_tree(connection, target, with_conditions=False), target)
        assert list(try_suspects(connection, target, suspects)) == []
        other.rollback()
        (problem,) = try_suspects(connection, target, suspects)
    assert problem.code == "token_rotation.E032"


@pytest.mark.parametrize("partition", ["low", "high", "tickets_ticket"])
def test_a_trigger_of_one_partition_or_of_all_is_tried_on_a_row_of_its_own(
    tickets: Any, target: Target, rotation: RotationFactory, partition: str
) -> None:
    from tickets.models import Ticket  # noqa: PLC0415  (after Django was set up)

    tickets.cursor().execute(
        """
        ALTER TABLE tickets_ticket RENAME TO whole;
        CREATE TABLE tickets_ticket (LIKE whole INCLUDING DEFAULTS, PRIMARY KEY (id))
            PARTITION BY RANGE (id);
        DROP TABLE whole CASCADE;
        CREATE INDEX ON tickets_ticket (id) WHERE token_rotated_at IS NULL;
        CREATE TABLE low PARTITION OF tickets_ticket FOR VALUES FROM (0) TO (100);
        CREATE TABLE high PARTITION OF tickets_ticket FOR VALUES FROM (100) TO (200);
        INSERT INTO tickets_ticket (id, subject, status, created_at, token, token_rotated_at)
        SELECT n, 'x' || n, 'open', now(), gen_random_uuid(), NULL
        FROM generate_series(90, 109) AS n;
        """
    )
    for each in Ticket._meta.triggers:  # type: ignore[attr-defined]
        tickets.cursor().execute(str(each.compile(Ticket).install_sql))
    target = replace(target, token_is_unique=False)
    tickets.cursor().execute(trigger(PREDICTABLE, event="INSERT OR UPDATE", table=partition))
    with pytest.raises(NotReadyError, match=f"zz_legacy on {partition} overwrites"):
        rotation(target=target).run()
    assert pending(tickets) == 20
    tickets.cursor().execute(f"DROP TRIGGER zz_legacy ON {partition}")
    tickets.cursor().execute(trigger(HARMLESS, event="INSERT OR UPDATE"))
    assert rotation(target=target).run().outcome is Outcome.COMPLETE
    assert pending(tickets) == 0
