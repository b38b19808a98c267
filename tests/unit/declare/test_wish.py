"""The SQL of a wish, compiled and never run."""

from typing import Any
from uuid import UUID

import pytest
from django.contrib.postgres.functions import RandomUUID
from django.db import connection
from django.db.models import F, Value
from django.db.models.expressions import DatabaseDefault
from django.db.models.sql.subqueries import UpdateQuery

from tickets.models import Ticket
from token_rotation.declare.wish import Wish

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
