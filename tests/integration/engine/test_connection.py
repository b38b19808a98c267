"""A rotation's own connections: a server that is gone is noticed, an error leaves nothing open."""

from typing import Any

import pytest
from django.db import connections

from tests.support import driver
from tests.support.driver import sql
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.driver import parameters_of
from token_rotation.postgres.opening import NOTICE_A_LOST_SERVER
from token_rotation.selection.target import Target


def parameters(connection: Connection) -> dict[str, Any]:
    assert connection.value(sql.SQL("SELECT 1")) == 1
    found: dict[str, Any] = parameters_of(connection._raw)
    connection.close()
    return found


def test_a_server_that_says_nothing_any_more_is_noticed(target: Target) -> None:
    found = parameters(Connection(target.database))
    assert {name: found[name] for name in NOTICE_A_LOST_SERVER} == {
        name: str(value) for name, value in NOTICE_A_LOST_SERVER.items()
    }


def test_what_the_alias_says_of_it_is_kept(target: Target) -> None:
    connections[target.database].settings_dict["OPTIONS"]["keepalives_idle"] = 77
    assert parameters(Connection(target.database))["keepalives_idle"] == "77"


def test_an_error_of_a_settings_statement_leaves_no_transaction_open(target: Target) -> None:
    connection = Connection(target.database)
    with pytest.raises(driver.Error), connection.transaction(sql.SQL("SELECT 1/0")):
        pass
    assert connection.value(sql.SQL("SELECT 1")) == 1
    with connection.transaction():
        pass
    connection.close()
