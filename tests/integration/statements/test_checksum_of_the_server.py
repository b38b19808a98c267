"""The server appends the checksum that Python does, whatever its version."""

import secrets
from typing import Any

import pytest

from token_rotation.sql.retired import callers
from token_rotation.tokens.checksum import WITH_CHECKSUM, with_checksum
from token_rotation.tokens.finding import Likeness, likeness_of
from token_rotation.tokens.formats import prefixed

pytestmark = pytest.mark.server_versions


@pytest.fixture
def tables_alone(tickets: Any) -> None:
    """The function does without crc32(), as before PostgreSQL 18."""
    with tickets.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef(%s::regproc)", [WITH_CHECKSUM])
        ((text,),) = cursor.fetchall()
        assert ">= 180000" in text
        cursor.execute(text.replace(">= 180000", ">= 990000"))


CALLED = {"functions": [WITH_CHECKSUM]}
USES = {
    "DEFAULT": f"ALTER TABLE findable ALTER token SET DEFAULT {prefixed('tkt_').sql}",
    "TRIGGER": (
        "CREATE FUNCTION fresh() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN NEW.token := {prefixed('tkt_').sql}; RETURN NEW; END $$;"
        "CREATE TRIGGER fresh BEFORE INSERT ON findable FOR EACH ROW EXECUTE FUNCTION fresh()"
    ),
}


def appended(tickets: Any, texts: list[str]) -> list[str]:
    with tickets.cursor() as cursor:
        cursor.execute(f"SELECT {WITH_CHECKSUM}(each) FROM unnest(%s) each", [texts])
        return [text for (text,) in cursor.fetchall()]


TEXTS = ["", "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ", *(secrets.token_urlsafe(50)[:n] for n in range(50))]


def test_both_append_the_same(tickets: Any) -> None:
    assert appended(tickets, TEXTS) == [with_checksum(text) for text in TEXTS]


@pytest.mark.usefixtures("tables_alone")
def test_both_append_the_same_without_crc32(tickets: Any) -> None:
    assert appended(tickets, TEXTS) == [with_checksum(text) for text in TEXTS]


@pytest.mark.parametrize("use", ["DEFAULT", "TRIGGER"])
def test_a_table_that_calls_the_function_is_named_before_it_goes(tickets: Any, use: str) -> None:
    with tickets.cursor() as cursor:
        cursor.execute("CREATE TABLE findable (token text)")
        cursor.execute(callers(), CALLED)
        assert cursor.fetchall() == []
        cursor.execute(USES[use])
        cursor.execute(callers(), CALLED)
        assert cursor.fetchall() == [("findable",)]


def test_the_server_makes_tokens_that_python_finds_well_formed(tickets: Any) -> None:
    tokens = prefixed("tkt_")
    with tickets.cursor() as cursor:
        cursor.execute(f"SELECT {tokens.sql} FROM generate_series(1, 500)")
        made = [token for (token,) in cursor.fetchall()]
    assert len(set(made)) == 500
    assert {likeness_of(token, tokens) for token in made} == {Likeness.WELL_FORMED}
