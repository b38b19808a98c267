"""A figure that cannot be seen is never taken for a good one."""

import math
from typing import Any

import pytest

from tests.support.driver import sql
from token_rotation.errors import NotReadyError
from token_rotation.options import RotationOptions
from token_rotation.pacing.gates import server
from token_rotation.pacing.health import make_throttle
from token_rotation.postgres.reading import reading
from token_rotation.selection.target import Target


def answer(monkeypatch: pytest.MonkeyPatch, statement: str, figures: str) -> None:
    """Let the server answer so: no test can make standbys that lag in every way."""
    monkeypatch.setattr(server.activity_sql, statement, lambda: sql.SQL(f"SELECT {figures}"))


@pytest.mark.parametrize(
    ("figures", "lag", "said"),
    [
        ("0, false, 0.0, 'b'", 0.0, "replica lag 0.0 s of standby b"),
        ("0, false, 2.5, 'b'", 2.5, "replica lag 2.5 s of standby b"),
        ("0, true, 2.5, 'b'", math.inf, "replica lag of standby b is unknown"),
    ],
)
def test_an_unknown_lag_has_no_end_and_each_names_its_standby(
    target: Target, monkeypatch: pytest.MonkeyPatch, figures: str, lag: float, said: str
) -> None:
    answer(monkeypatch, "replica_lag", figures)
    with reading(target.database) as connection:
        found = server.replica_lag(connection)
    assert (found, str(found)) == (lag, said)


def test_without_standbys_there_is_no_lag(target: Target) -> None:
    with reading(target.database) as connection:
        assert server.replica_lag(connection, ["whoever"]) == 0.0


@pytest.mark.parametrize(("figures", "count"), [("0, 0", 0.0), ("0, 7", 7.0)])
def test_active_queries_are_counted(
    target: Target, monkeypatch: pytest.MonkeyPatch, figures: str, count: float
) -> None:
    answer(monkeypatch, "active_queries", figures)
    with reading(target.database) as connection:
        assert server.active_queries(connection) == count


@pytest.mark.parametrize(
    ("statement", "figures", "read", "option"),
    [
        ("replica_lag", "1, false, 0.0, 'b'", server.replica_lag, "--max-replica-lag"),
        ("active_queries", "1, 0", server.active_queries, "--max-active-queries"),
    ],
)
def test_what_the_role_may_not_see_is_refused_with_what_to_do(
    target: Target,
    monkeypatch: pytest.MonkeyPatch,
    statement: str,
    figures: str,
    read: Any,
    option: str,
) -> None:
    answer(monkeypatch, statement, figures)
    with (
        pytest.raises(NotReadyError, match=f"pg_monitor, or leave out {option}"),
        reading(target.database) as connection,
    ):
        read(connection)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({}, None),
        ({"max_replica_lag_seconds": 1.0}, "replica lag"),
        ({"max_active_queries": 1}, "active queries"),
    ],
)
def test_a_figure_is_read_only_where_the_options_bound_it(
    target: Target, monkeypatch: pytest.MonkeyPatch, options: Any, kind: str | None
) -> None:
    answer(monkeypatch, "replica_lag", "0, false, 9.0, 'b'")
    answer(monkeypatch, "active_queries", "0, 9")
    throttle = make_throttle(RotationOptions(**options), lambda: 0.0)
    with reading(target.database) as connection:
        wait = throttle.next_wait(connection)
    assert (wait and wait.kind) == kind
