"""What a trigger function may write is read from its text, and in doubt it may."""

from typing import Any, cast

import pytest

from tickets.models import Ticket
from token_rotation import guard, keep_retired
from token_rotation.inspection.triggers.trigger_source import Writes, writes
from token_rotation.selection.trigger_definition import FunctionDefinition
from token_rotation.targets.definition import definition_of


def of(body: str, language: str = "plpgsql", arguments: str = "") -> Writes:
    function = FunctionDefinition("f", body, language)
    return writes(function, arguments, "token", "token_rotated_at")


@pytest.mark.parametrize(
    "statements",
    [
        "NEW.token := md5(NEW.subject);",
        'new."token":=md5(NEW.subject);',
        "NEW . token := NULL;",
        "NEW.token = md5(NEW.subject);",
        "IF NEW.token IS NULL THEN NEW.token = gen_random_uuid(); END IF;",
        "IF a THEN b := 1; ELSE\n    NEW.token = 1; END IF;",
        "-- NEW.status := 'x'\nNEW.token := 1;",
        "x := 'it''s -- none'; NEW.token := 1;",
        'x := NEW."a--b"; NEW.token := 1;',
        "SELECT a, b INTO x, NEW.token FROM t;",
        "SELECT a FROM t INTO STRICT NEW.token;",
        "INSERT INTO t VALUES (1) RETURNING a INTO NEW.token;",
        "f.NEW.token := 1;",
        "BEGIN f.new.token = 1; END;",
        "NEW.token_rotated_at := NULL;",
        "FOR NEW.token IN SELECT a FROM t LOOP END LOOP;",
        "GET DIAGNOSTICS NEW.token = ROW_COUNT;",
        "/* old /* note */ don't remove */ NEW.token := md5(NEW.subject)::uuid; --'",
        "/* a /* b /* c */ */ ' */ NEW.token := 1; --'",
        "x := E'it\\'s'; NEW.token := 1; --'",
        "x := $$it's$$; NEW.token := 1; --'",
        "x := $q$ $$ it's $q$; NEW.token := 1; --'",
    ],
)
def test_an_assignment_is_found_however_it_is_written(statements: str) -> None:
    assert of(f"BEGIN {statements} RETURN NEW; END") is Writes.ASSIGNS


@pytest.mark.parametrize(
    "statements",
    [
        "NEW.updated_at := now();",
        "NEW.token_hash := sha256(NEW.token);",
        "IF NEW.token = OLD.token THEN NEW.status := 'same'; END IF;",
        "IF NEW.token IS DISTINCT FROM OLD.token THEN RAISE EXCEPTION 'NEW.token := 1;'; END IF;",
        "INSERT INTO audit (token) VALUES (NEW.token);",
        "INSERT INTO audit SELECT NEW.token;",
        "PERFORM note(NEW.token);",
        "/* NEW.token := 1; */ -- NEW.token := 2;\n",
        "SELECT count(*) INTO n FROM t WHERE token = NEW.token;",
        "/* a /* NEW.token := 1; */ NEW.token := 2; */",
        "n := length($$ NEW.token := 1; EXECUTE x $$) + length(E'\\' EXECUTE x');",
        "RAISE NOTICE 'call me'; -- execute later",
    ],
)
def test_a_function_that_only_reads_is_left_alone(statements: str) -> None:
    assert of(f"DECLARE n int; BEGIN {statements} RETURN NEW; END;") is Writes.NOTHING


@pytest.mark.parametrize(
    "returned", ["RETURN NULL;", "RETURN OLD;", "RETURN (NEW);", "return new ;"]
)
def test_what_returns_the_row_or_none_is_left_alone(returned: str) -> None:
    assert of(f"BEGIN {returned} END") is Writes.NOTHING


@pytest.mark.parametrize(
    "body",
    [
        "BEGIN NEW := jsonb_populate_record(NEW, x); RETURN NEW; END",
        "BEGIN NEW = f(NEW); RETURN NEW; END",
        "BEGIN SELECT * INTO NEW FROM t; RETURN NEW; END",
        "BEGIN RETURN NEW #= x; END",
        "BEGIN RETURN coalesce(x, NEW); END",
        "BEGIN EXECUTE x USING NEW; RETURN NEW; END",
        "DECLARE row ALIAS FOR NEW; BEGIN row.token := 1; RETURN NEW; END",
        "BEGIN CALL change(NEW.token); RETURN NEW; END",
        'BEGIN NEW.U&"t\\006Fken" := 1; RETURN NEW; END',
        "BEGIN x := E'\\''; NEW.token := '1'; RETURN NEW; END",
        "BEGIN x := $q$'$q$; NEW.token := '1'; RETURN NEW; END",
        "BEGIN x := 'C:\\'; NEW.token := '1'; RETURN NEW; END",
        "BEGIN DO $$ BEGIN END $$; RETURN NEW; END",
        "BEGIN /* /* */ RETURN NEW; END",
        "BEGIN x := 'a; RETURN NEW; END",
    ],
)
def test_what_the_text_does_not_tell_is_in_doubt(body: str) -> None:
    assert of(body) is not Writes.NOTHING


def test_other_languages_are_in_doubt_and_postgresqls_own_functions_are_not() -> None:
    assert of("RETURN NEW;", "plpython3u") is Writes.PERHAPS
    assert of("some_symbol", "c") is Writes.PERHAPS
    assert of("tsvector_update_trigger_byid", "internal") is Writes.NOTHING
    assert of("moddatetime", "c", "updated_at\\000") is Writes.NOTHING
    assert of("moddatetime", "c", "token_rotated_at\\000") is Writes.ASSIGNS


def test_the_guard_of_one_token_leaves_another_of_the_same_table_alone() -> None:
    derived = {"subject": "sha256({token}::text::bytea)", "status": "left({token}::text, 8)"}
    for trigger in [
        *guard("token", derived=derived, partitioned=True, accept="sent"),
        *keep_retired("token", partitioned=True),
    ]:
        body = definition_of(trigger.compile(cast(Any, Ticket))).function
        assert writes(body, "", "token_b", "token_b_rotated_at") is Writes.NOTHING, trigger.name
