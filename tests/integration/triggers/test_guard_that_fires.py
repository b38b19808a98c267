"""The guard's state is read from what fires, not from what was installed once."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.leaked import leak, value
from token_rotation.inspection.preflight import GuardState, inspect
from token_rotation.postgres.reading import reading
from token_rotation.selection.target import GuardTrigger, Target

pytestmark = pytest.mark.server_versions

UPDATE = "tickets.Ticket:guard_update"

LATER = """
CREATE FUNCTION legacy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NEW; END $$;
CREATE TRIGGER {name} BEFORE {event} ON tickets_ticket FOR EACH ROW EXECUTE FUNCTION legacy();
"""


@pytest.fixture
def look(target: Target) -> Callable[[], GuardState]:
    def look() -> GuardState:
        with reading(target.database) as connection:
            return inspect(connection, target)

    return look


@pytest.fixture
def update_guard(target: Target) -> GuardTrigger:
    (found,) = (each for each in target.guard_triggers if each.uri == UPDATE)
    return found


def codes(state: GuardState) -> list[str]:
    return [problem.code for problem in state.problems]


def again(guard: GuardTrigger, **changed: Any) -> str:
    """The statements that install the trigger once more, but for what is changed."""
    statement = replace(guard.definition, **changed).statement(guard.name, "tickets_ticket")
    return f"DROP TRIGGER {guard.name} ON tickets_ticket; {statement}"


def test_the_trigger_that_is_declared_holds_also_when_it_is_installed_once_more(
    tickets: Any, look: Callable[[], GuardState], update_guard: GuardTrigger
) -> None:
    tickets.cursor().execute(again(update_guard))
    state = look()
    assert (state.intact, state.holds, state.triggers[UPDATE]) == (True, True, "enabled")


@pytest.mark.parametrize(
    "body",
    [
        "BEGIN RETURN NEW; END",
        "BEGIN IF false THEN NEW.token := OLD.token; END IF; RETURN NEW; END",
    ],
)
def test_a_function_with_another_body_is_a_problem_whatever_the_comment_says(
    tickets: Any, look: Callable[[], GuardState], update_guard: GuardTrigger, body: str
) -> None:
    tickets.cursor().execute(
        f"CREATE OR REPLACE FUNCTION {update_guard.name}() RETURNS trigger LANGUAGE plpgsql "
        f"AS $$ {body} $$"
    )
    state = look()
    assert (state.intact, state.holds, state.triggers[UPDATE]) == (False, False, "changed")
    (problem,) = state.problems
    assert problem.code == "token_rotation.E030"
    assert "the body of its function differs" in problem.sentence
    assert f"pgtrigger install {UPDATE}" in problem.mend


def test_a_comment_of_code_that_swallows_the_next_line_is_another_body(
    tickets: Any, look: Callable[[], GuardState], update_guard: GuardTrigger
) -> None:
    body = update_guard.definition.function.body.replace("BEGIN", "BEGIN --", 1)
    flat = " ".join(body.split()).replace("END;", "\nRETURN NEW; END;")
    tickets.cursor().execute(
        f"CREATE OR REPLACE FUNCTION {update_guard.name}() RETURNS trigger LANGUAGE plpgsql "
        f"AS $code$ {flat} $code$"
    )
    assert codes(look()) == ["token_rotation.E030"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("ALTER FUNCTION {name}() SECURITY DEFINER", "SECURITY DEFINER"),
        ("ALTER FUNCTION {name}() SET search_path = public", "SET of its function"),
        (
            (
                "CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW;"
                " END $$; DROP TRIGGER {name} ON tickets_ticket; CREATE TRIGGER {name} BEFORE "
                "UPDATE ON tickets_ticket FOR EACH ROW EXECUTE FUNCTION other()"
            ),
            "its function, other,",
        ),
    ],
)
def test_another_function_or_other_settings_of_it_are_a_problem(
    tickets: Any,
    look: Callable[[], GuardState],
    update_guard: GuardTrigger,
    change: str,
    said: str,
) -> None:
    tickets.cursor().execute(change.format(name=update_guard.name))
    state = look()
    assert codes(state) == ["token_rotation.E030"]
    assert not state.holds
    assert said in state.problems[0].sentence


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"condition": "false"}, "its WHEN"),
        ({"condition": ""}, "its WHEN"),
        ({"condition": "NEW.token_rotated_at IS NULL"}, "its WHEN"),
        ({"condition": "NEW.subject <> 'it''s 100 %'"}, "its WHEN"),
        ({"timing": "AFTER"}, "when it fires (AFTER UPDATE)"),
        ({"events": frozenset({"UPDATE OF subject"})}, "when it fires (BEFORE UPDATE)"),
    ],
    ids=str,
)
def test_another_condition_or_time_to_fire_is_a_problem(
    tickets: Any,
    look: Callable[[], GuardState],
    update_guard: GuardTrigger,
    changed: dict[str, Any],
    said: str,
) -> None:
    tickets.cursor().execute(again(update_guard, **changed))
    state = look()
    assert codes(state) == ["token_rotation.E030"]
    assert not state.holds
    assert said in state.problems[0].sentence


def test_a_condition_that_means_the_same_in_other_words_is_the_same(
    tickets: Any, look: Callable[[], GuardState], update_guard: GuardTrigger
) -> None:
    condition = update_guard.definition.condition
    other = (
        condition.replace("NEW.", "new . ").replace('"token"', "TOKEN").replace(" AND ", "  and ")
    )
    assert other != condition
    tickets.cursor().execute(again(update_guard, condition=f"(({other}))"))
    assert look().intact


def test_a_trigger_that_an_earlier_migration_installed_is_a_warning(
    tickets: Any, look: Callable[[], GuardState], update_guard: GuardTrigger
) -> None:
    definitions = update_guard.earlier()
    earlier = next(each for each in definitions if each != update_guard.definition)
    tickets.cursor().execute(
        f"CREATE OR REPLACE FUNCTION {update_guard.name}() RETURNS trigger LANGUAGE plpgsql "
        f"AS $code${earlier.function.body}$code$;"
        f"DROP TRIGGER {update_guard.name} ON tickets_ticket;"
        f"{earlier.statement(update_guard.name, 'tickets_ticket')}"
    )
    for versions in earlier.helpers:
        helper = versions[0]
        argument = helper.signature.replace("(", "(trigger_name ")
        tickets.cursor().execute(
            f"CREATE OR REPLACE FUNCTION {argument} RETURNS boolean LANGUAGE plpgsql "
            f"AS $code${helper.body}$code$"
        )
    state = look()
    assert (state.intact, state.holds) == (True, True)
    assert [warning.code for warning in state.warnings] == ["token_rotation.W002"]


@pytest.mark.parametrize("event", ["INSERT", "UPDATE", "INSERT OR UPDATE", "UPDATE OF subject"])
@pytest.mark.parametrize(
    "body", ["NEW.token := md5(NEW.subject)::uuid;", "NEW.token_rotated_at = NULL;"]
)
def test_a_trigger_that_has_the_last_word_on_the_token_is_refused(
    tickets: Any, look: Callable[[], GuardState], event: str, body: str
) -> None:
    tickets.cursor().execute(LATER.format(name="zz_legacy", event=event, body=body))
    state = look()
    assert (state.intact, state.holds) == (False, False)
    (problem,) = state.problems
    assert problem.code == "token_rotation.E031"
    assert "zz_legacy on tickets_ticket fires after the guard" in problem.sentence
    rename = problem.mend.partition(";")[0]
    tickets.cursor().execute(rename)
    assert look().holds


@pytest.mark.parametrize(
    "body",
    [
        "NEW.subject := upper(NEW.subject);",
        "IF NEW.token = OLD.token THEN NEW.status := 'same'; END IF;",
    ],
)
def test_a_later_trigger_that_leaves_token_and_marker_alone_is_no_matter(
    tickets: Any, look: Callable[[], GuardState], body: str
) -> None:
    tickets.cursor().execute(LATER.format(name="zz_legacy", event="INSERT OR UPDATE", body=body))
    state = look()
    assert (state.problems, state.warnings, state.to_try) == ((), (), ())


def test_a_later_trigger_that_is_disabled_or_fires_after_the_write_is_no_matter(
    tickets: Any, look: Callable[[], GuardState]
) -> None:
    body = "NEW.token := md5(NEW.subject)::uuid;"
    tickets.cursor().execute(LATER.format(name="zz_legacy", event="UPDATE", body=body))
    tickets.cursor().execute(
        "ALTER TABLE tickets_ticket DISABLE TRIGGER zz_legacy;"
        "CREATE TRIGGER zz_after AFTER UPDATE ON tickets_ticket FOR EACH ROW "
        "EXECUTE FUNCTION legacy()"
    )
    assert look().warnings == ()


@pytest.mark.parametrize(
    ("name", "event", "code"),
    [
        ("zz_legacy", "INSERT", "token_rotation.W030"),
        ("zz_legacy", "UPDATE", "token_rotation.W030"),
        ("aa_legacy", "UPDATE", "token_rotation.W031"),
    ],
)
def test_a_trigger_whose_text_does_not_tell_is_a_warning_by_name(
    tickets: Any, look: Callable[[], GuardState], name: str, event: str, code: str
) -> None:
    body = "NEW := jsonb_populate_record(NEW, '{}');"
    tickets.cursor().execute(LATER.format(name=name, event=event, body=body))
    state = look()
    assert state.holds
    (warning,) = state.warnings
    assert warning.code == code
    assert f"{name} on tickets_ticket" in warning.sentence
    assert state.to_try == (f"{name} on tickets_ticket",)


def test_an_insert_trigger_before_the_guard_is_no_matter(
    tickets: Any, look: Callable[[], GuardState]
) -> None:
    body = "NEW.token := md5(NEW.subject)::uuid;"
    tickets.cursor().execute(LATER.format(name="aa_legacy", event="INSERT", body=body))
    state = look()
    assert (state.problems, state.warnings) == ((), ())


@pytest.mark.parametrize("event", ["INSERT", "UPDATE"])
def test_a_rule_that_replaces_writes_is_refused_and_one_beside_them_is_a_warning(
    tickets: Any, look: Callable[[], GuardState], event: str
) -> None:
    rule = f"CREATE RULE routed AS ON {event} TO tickets_ticket DO"
    tickets.cursor().execute(f"{rule} ALSO SELECT 1")
    state = look()
    assert state.intact
    assert [warning.code for warning in state.warnings] == ["token_rotation.W032"]
    tickets.cursor().execute(f"DROP RULE routed ON tickets_ticket; {rule} INSTEAD NOTHING")
    state = look()
    assert (codes(state), state.holds) == (["token_rotation.E033"], False)
    tickets.cursor().execute(state.problems[0].mend.partition(" in psql")[0])
    assert look().holds


def test_who_has_pgtrigger_ignore_set_is_named(
    tickets: Any, look: Callable[[], GuardState], update_guard: GuardTrigger
) -> None:
    name = value(tickets, "SELECT current_database()")
    cursor = tickets.cursor()
    cursor.execute(f"ALTER DATABASE \"{name}\" SET pgtrigger.ignore = '{{another_trigger}}'")
    assert look().warnings == ()
    cursor.execute(f"ALTER DATABASE \"{name}\" SET pgtrigger.ignore = '{{{update_guard.name}}}'")
    state = look()
    assert state.intact
    assert {warning.code for warning in state.warnings} == {"token_rotation.W033"}
    sentences = [warning.sentence for warning in state.warnings]
    assert any(f"every role in database {name}" in sentence for sentence in sentences)
    assert any("this session" in sentence for sentence in sentences)


class TestRetiredTokens:
    """The functions that the triggers call count too."""

    @pytest.fixture
    def keeping(self, tickets: Any, target: Target, monkeypatch: Any) -> Target:
        from tickets.models import Ticket  # noqa: PLC0415  (after Django was set up)
        from token_rotation import guard, keep_retired  # noqa: PLC0415
        from token_rotation.targets.discovery import targets_of  # noqa: PLC0415

        monkeypatch.setattr(Ticket._meta, "triggers", [*guard(), *keep_retired()])
        for trigger in keep_retired():
            tickets.cursor().execute(str(trigger.compile(Ticket).install_sql))
        (found,) = targets_of(Ticket, target.database)
        return found

    def test_a_trigger_between_two_of_the_guard_is_refused(
        self, tickets: Any, keeping: Target
    ) -> None:
        body = "NEW.token := md5(NEW.subject)::uuid;"
        between = LATER.format(name="pgtrigger_guard_s", event="UPDATE", body=body)
        tickets.cursor().execute(between)
        with reading(keeping.database) as connection:
            assert codes(inspect(connection, keeping)) == ["token_rotation.E031"]

    def test_a_look_up_that_finds_nothing_is_a_problem(self, tickets: Any, keeping: Target) -> None:
        with reading(keeping.database) as connection:
            assert inspect(connection, keeping).holds
        tickets.cursor().execute(
            "CREATE OR REPLACE FUNCTION token_rotation_is_retired(token_hash bytea) RETURNS boolean"
            " LANGUAGE plpgsql AS $$ BEGIN RETURN false; END $$"
        )
        with reading(keeping.database) as connection:
            state = inspect(connection, keeping)
        assert codes(state) == ["token_rotation.E030"]
        assert "token_rotation_is_retired" in state.problems[0].sentence


def test_a_role_that_may_only_read_and_write_rows_sees_the_same(
    tickets: Any,
    look: Callable[[], GuardState],
    limit_connections: Callable[[int], None],
    update_guard: GuardTrigger,
) -> None:
    leak(tickets, 3)
    limit_connections(5)
    assert look().holds
    tickets.cursor().execute(again(update_guard, condition="false"))
    assert codes(look()) == ["token_rotation.E030"]


THIS_TRANSACTION = "SELECT pg_current_xact_id()::text::bigint"


def test_a_look_changes_nothing(tickets: Any, look: Callable[[], GuardState]) -> None:
    leak(tickets, 3)
    body = "NEW := jsonb_populate_record(NEW, '{}');"
    tickets.cursor().execute(LATER.format(name="zz_legacy", event="UPDATE", body=body))

    def transactions_that_write() -> int:
        before: int = value(tickets, THIS_TRANSACTION)
        look()
        return int(value(tickets, THIS_TRANSACTION)) - before - 1

    # The server counts for all databases, and autovacuum may come in between now and then.
    assert min(transactions_that_write() for _ in range(10)) == 0
