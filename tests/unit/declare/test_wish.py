"""The SQL of a wish, compiled and never run."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from django.contrib.postgres.functions import RandomUUID
from django.db import connection
from django.db.models import F, Value
from django.db.models.expressions import DatabaseDefault
from django.db.models.sql.subqueries import UpdateQuery

from tickets.models import Ticket
from token_rotation.declare.watching.wish import AsStored, Wish

TOKEN: Any = Ticket._meta.get_field("token")
SENT = UUID(int=7)


def compiled(value: Any) -> tuple[str, tuple[Any, ...]]:
    query = UpdateQuery(Ticket)
    query.add_update_fields([(TOKEN, None, Wish(TOKEN, value))])
    query.add_filter("pk", 1)
    sql, parameters = query.get_compiler(connection=connection).as_sql()
    return sql, parameters


def test_the_token_is_sent_once_and_as_a_parameter() -> None:
    sql, parameters = compiled(SENT)
    assert str(SENT) not in sql
    assert parameters == (SENT, 1)


def test_the_wish_is_bound_to_the_rows_key_and_lasts_for_the_transaction() -> None:
    sql, _ = compiled(SENT)
    assert '"tickets_ticket"."id"::text' in sql
    assert "set_config('token_rotation.wish'" in sql
    assert ", true) IS NOT NULL" in sql


@pytest.mark.parametrize(
    "value", [RandomUUID(), DatabaseDefault(RandomUUID(), output_field=TOKEN), TOKEN.get_default()]
)
def test_a_function_is_computed_once(value: Any) -> None:
    sql, parameters = compiled(value)
    assert sql.upper().count("GEN_RANDOM_UUID()") == 1
    assert "DEFAULT" not in sql
    assert parameters == (1,)


def test_an_expression_may_name_columns_of_the_row() -> None:
    sql, _ = compiled(F("subject"))
    assert '"tickets_ticket"."subject"' in sql


def test_a_wish_shows_no_token() -> None:
    wish = Wish(TOKEN, SENT)
    assert str(SENT) not in f"{wish} {wish!r} {wish.standing()!r}"
    assert str(SENT) not in repr(Wish(TOKEN, Value(SENT)))


def test_a_field_that_puts_its_values_into_sql_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An encrypted field would encrypt what is stored once more."""
    stored = Ticket.from_db("default", ["id", "token"], [1, SENT])
    assert isinstance(TOKEN.pre_save(stored, add=False), AsStored)
    monkeypatch.setattr(TOKEN, "get_placeholder", lambda *_: "upper(%s)", raising=False)
    assert TOKEN.pre_save(stored, add=False) == SENT
    stored.token = other = UUID(int=8)
    assert TOKEN.pre_save(stored, add=False) == other


def test_a_copy_of_the_field_on_another_model_is_left_alone() -> None:
    """As a package of histories has it."""
    assert TOKEN.pre_save(SimpleNamespace(token=SENT), add=False) == SENT
