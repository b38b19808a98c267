"""A partitioned table whose guard does not know that rows move is named."""

from collections.abc import Iterator
from typing import Any

import pgtrigger
import pytest
from django.db import models
from django.test.utils import isolate_apps

from tests.support.leaked import value
from tickets.models import Ticket
from token_rotation.checks.models import check_models
from token_rotation.inspection.preflight import inspect
from token_rotation.postgres.reading import reading
from token_rotation.selection.target import Target
from token_rotation.targets.discovery import target_of
from token_rotation.triggers.guard import guard
from token_rotation.triggers.retired import keep_retired

pytestmark = pytest.mark.server_versions

PARTITION = """
ALTER TABLE tickets_ticket RENAME TO unpartitioned;
CREATE TABLE tickets_ticket (LIKE unpartitioned INCLUDING DEFAULTS) PARTITION BY LIST (status);
CREATE TABLE ticket_open PARTITION OF tickets_ticket FOR VALUES IN ('open');
CREATE TABLE ticket_closed PARTITION OF tickets_ticket FOR VALUES IN ('closed');
"""
MOVE = "UPDATE tickets_ticket SET status = 'closed'"


def install(tickets: Any, *triggers: pgtrigger.Trigger) -> None:
    for trigger in triggers:
        tickets.cursor().execute(str(trigger.compile(Ticket).install_sql))


@pytest.fixture(params=[False, True])
def partitioned(request: pytest.FixtureRequest, tickets: Any) -> bool:
    tickets.cursor().execute(PARTITION)
    install(tickets, *guard(partitioned=request.param))
    tickets.cursor().execute(
        "INSERT INTO tickets_ticket (id, subject, status, created_at)"
        " VALUES (1, 'x', 'open', now())"
    )
    return bool(request.param)


def warnings(target: Target) -> set[str]:
    with reading(target.database) as connection:
        return {warning.code for warning in inspect(connection, target).warnings}


def test_a_row_that_moves_keeps_its_token_where_that_is_declared_and_else_a_warning_says_so(
    tickets: Any, target: Target, monkeypatch: pytest.MonkeyPatch, *, partitioned: bool
) -> None:
    monkeypatch.setattr(Ticket._meta, "triggers", guard(partitioned=partitioned))
    found = target_of(Ticket, target.database)
    assert found is not None
    assert ("token_rotation.W020" in warnings(found)) is not partitioned
    whole = "SELECT token || ' ' || token_rotated_at FROM tickets_ticket"
    before = value(tickets, whole)
    tickets.cursor().execute(MOVE)
    assert (value(tickets, whole) == before) is partitioned
    assert value(tickets, "SELECT count(*) FROM ticket_closed") == 1


def test_a_row_asked_for_again_while_it_moves_stays_pending(
    tickets: Any, *, partitioned: bool
) -> None:
    before = value(tickets, "SELECT token FROM tickets_ticket")
    tickets.cursor().execute(f"{MOVE}, token_rotated_at = NULL")
    is_kept = value(tickets, "SELECT token FROM tickets_ticket") == before
    is_pending = value(tickets, "SELECT token_rotated_at FROM tickets_ticket") is None
    assert (is_kept, is_pending) == (partitioned, partitioned)


def test_a_deleted_pending_row_comes_back_neither_rotated_nor_under_another_key(
    tickets: Any, *, partitioned: bool
) -> None:
    cursor = tickets.cursor()
    cursor.execute("UPDATE tickets_ticket SET token_rotated_at = NULL")
    for key, marker in ((1, "now()"), (2, "NULL")):
        token = value(tickets, "SELECT token::text FROM tickets_ticket")
        cursor.execute(
            "BEGIN; DELETE FROM tickets_ticket; INSERT INTO tickets_ticket (id, subject, status,"
            f" created_at, token, token_rotated_at) VALUES (%s, 'x', 'open', now(), %s, {marker});"
            " COMMIT",
            (key, token),
        )
        assert value(tickets, "SELECT token::text FROM tickets_ticket") != token


@pytest.fixture
def apps() -> Iterator[None]:
    with isolate_apps():
        yield


@pytest.mark.parametrize("guards", [False, True])
@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.usefixtures("apps")
def test_both_declarations_of_a_token_must_agree_about_partitions(
    *, guards: bool, keeps: bool
) -> None:
    class Key(models.Model):  # noqa: DJ008
        token = models.UUIDField()
        token_rotated_at = models.DateTimeField(null=True)

        class Meta:
            app_label = "cases"

    Key._meta.triggers = [  # type: ignore[attr-defined]
        *guard(partitioned=guards),
        *keep_retired(partitioned=keeps),
    ]

    class Config:
        def get_models(self) -> list[Any]:
            return [Key]

    found = {message.id for message in check_models([Config()])}  # type: ignore[list-item]
    assert ("token_rotation.E020" in found) is (guards != keeps)
