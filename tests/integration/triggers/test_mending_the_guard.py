"""What the check says of a damaged guard mends it, typed as it stands."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.leaked import value
from tests.support.manage import Manage
from tickets.models import Ticket
from token_rotation.triggers.guard import guard
from token_rotation.triggers.retired import keep_retired
from token_rotation.triggers.retired_sql import FUNCTIONS

KEEPING = {"DJANGO_SETTINGS_MODULE": "tests.projects.retired_tokens.settings"}
COMMAND = re.compile(r"python manage\.py ((?:[\w-]+(?:[.:]\w+)* ?)+)")
LOOK_UP = """
CREATE OR REPLACE FUNCTION token_rotation_is_retired(token_hash bytea) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN false; END $$
"""
KEEP = """
CREATE OR REPLACE FUNCTION token_rotation_retire(
    replaced_hash bytea, of_column text, new_hash bytea
) RETURNS void LANGUAGE plpgsql AS $$ BEGIN END $$
"""
DROP_BOTH = "DROP FUNCTION token_rotation_is_retired(bytea), token_rotation_retire"
EMPTIED = """
CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RETURN NEW; END $$
"""
OTHER_FUNCTION = """
CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE OR REPLACE TRIGGER {name} BEFORE UPDATE ON tickets_ticket FOR EACH ROW
EXECUTE FUNCTION other();
"""
OF_LIBRARY = {
    "the look-up finds nothing": (LOOK_UP,),
    "nothing is kept": (KEEP,),
    "both": (LOOK_UP, KEEP),
    "both are gone": (DROP_BOTH,),
    "one is gone, and a trigger calls nothing": (
        DROP_BOTH,
        EMPTIED.format(name="{guard_retired}"),
    ),
}
OF_TRIGGERS = {
    "the body of its function": EMPTIED,
    "SET of its function": "ALTER FUNCTION {name}() SET search_path = public",
    "SECURITY DEFINER of its function": "ALTER FUNCTION {name}() SECURITY DEFINER",
    "its function": OTHER_FUNCTION,
    "missing": "DROP TRIGGER {name} ON tickets_ticket",
    "missing with its function": "DROP FUNCTION {name}() CASCADE",
    "disabled": "ALTER TABLE tickets_ticket DISABLE TRIGGER {name}",
    "a replica's": "ALTER TABLE tickets_ticket ENABLE REPLICA TRIGGER {name}",
}
NAMES = {each.name: each.get_pgid(Ticket) for each in (*guard(), *keep_retired())}


@pytest.fixture
def tickets(database_url: str, connect: Callable[[str], Any], manage: Manage) -> Any:
    """A connection to a database whose triggers keep retired tokens."""
    installed = manage("pgtrigger", "install", database_url=database_url, env=KEEPING)
    assert installed.returncode == 0, installed.stderr
    return connect(database_url)


@pytest.fixture
def check(manage: Manage, database_url: str, tickets: Any) -> Callable[[], str]:
    def check() -> str:
        return manage(
            "check", "--database", "default", database_url=database_url, env=KEEPING
        ).stderr

    return check


@pytest.fixture
def type_hints(manage: Manage, database_url: str) -> Callable[[str], list[str]]:
    """type_hints(said) types the commands of all hints, and the rotation that each ends with."""

    def type_all(said: str) -> list[str]:
        found = dict.fromkeys(each.strip() for each in COMMAND.findall(said))
        typed = [each for each in found if each != "makemigrations"]  # all are made
        typed.sort(key=lambda words: words.startswith("rotate_tokens"))
        for words in typed:
            done = manage(*words.split(), database_url=database_url, env=KEEPING)
            assert done.returncode == 0, (words, done.stderr)
        return typed

    return type_all


@pytest.mark.parametrize("damages", OF_LIBRARY.values(), ids=OF_LIBRARY)
def test_the_functions_of_the_library_are_created_again(
    tickets: Any,
    check: Callable[[], str],
    type_hints: Callable[[str], list[str]],
    damages: tuple[str, ...],
) -> None:
    before = [value(tickets, "SELECT prosrc FROM pg_proc WHERE proname = %s", n) for n in FUNCTIONS]
    for damage in damages:
        tickets.cursor().execute(damage.format(**NAMES))
    said = check()
    assert "token_rotation.E030" in said
    typed = type_hints(said)
    assert check() == ""
    assert typed[:2] == ["migrate token_rotation 0005", "migrate token_rotation"]
    assert typed[-1] == "rotate_tokens --issued-before now"
    after = [value(tickets, "SELECT prosrc FROM pg_proc WHERE proname = %s", n) for n in FUNCTIONS]
    assert after == before


@pytest.mark.parametrize("damage", OF_TRIGGERS.values(), ids=OF_TRIGGERS)
def test_each_trigger_is_created_again(
    tickets: Any,
    check: Callable[[], str],
    type_hints: Callable[[str], list[str]],
    damage: str,
) -> None:
    for name in NAMES.values():
        tickets.cursor().execute(damage.format(name=name).replace("other()", f"other_{name}()"))
    said = check()
    for name in NAMES:
        assert name in said
    type_hints(said)
    assert check() == ""


def test_between_the_two_steps_the_functions_are_there(
    tickets: Any, manage: Manage, database_url: str
) -> None:
    """So live triggers go on."""
    manage("migrate", "token_rotation", "0005", database_url=database_url, env=KEEPING)
    for name in FUNCTIONS:
        assert value(tickets, "SELECT count(*) FROM pg_proc WHERE proname = %s", name) == 1
