"""The triggers that ``guard`` declares keep its promises, whatever migrations installed."""

from datetime import UTC, datetime
from itertools import product
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db import connection

from tickets.models import Message, Ticket
from token_rotation import guard, hexadecimal
from token_rotation.triggers.guard import guards_of
from token_rotation.triggers.guard_triggers import InsertGuard, UpdateGuard
from token_rotation.triggers.names import Column, quoted_column, trigger_name

pytestmark = pytest.mark.django_db

OLD, NEW = UUID(int=1), UUID(int=2)
EARLIER, THEN, LATER = (datetime(year, 1, 1, tzinfo=UTC) for year in (2023, 2024, 2025))


@pytest.fixture(autouse=True)
def declared() -> None:
    """The triggers of today's declaration, until the end of the test's transaction."""
    for trigger in guard():
        execute(str(trigger.compile(Ticket).install_sql))


def execute(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)


def stored_as(token: UUID, marker: datetime | None) -> int:
    """A row exactly as given, past the guard."""
    execute("ALTER TABLE tickets_ticket DISABLE TRIGGER USER")
    ticket = Ticket.objects.create(subject="as stored", token=token, token_rotated_at=marker)
    execute("ALTER TABLE tickets_ticket ENABLE TRIGGER USER")
    assert (ticket.token, ticket.token_rotated_at) == (token, marker)
    return int(ticket.pk)


def may_pass(marker: datetime | None, token: UUID, new_marker: datetime | None) -> bool:
    """What the guard promises, in the words of its docstring."""
    if token == OLD:  # a claim of a rotation needs a new token; to ask for one is free
        return new_marker in (marker, None)
    return marker is None and new_marker is None


@pytest.mark.parametrize(
    ("marker", "token", "new_marker"),
    list(product((None, THEN), (OLD, NEW), (None, EARLIER, THEN, LATER))),
)
def test_an_update_rotates_forwards_or_asks_for_a_rotation_and_changes_nothing_else(
    marker: datetime | None, token: UUID, new_marker: datetime | None
) -> None:
    key = stored_as(OLD, marker)
    execute(
        "UPDATE tickets_ticket SET subject = 'as written', token = %s, token_rotated_at = %s"
        " WHERE id = %s",
        token,
        new_marker,
        key,
    )
    kept = (token, new_marker) if may_pass(marker, token, new_marker) else (OLD, marker)
    if marker is None and token == NEW:
        kept = (NEW, None)  # the row stays pending
    row = Ticket.objects.values_list("subject", "token", "token_rotated_at").get(pk=key)
    assert row == ("as written", *kept)


@pytest.mark.parametrize("marker", [None, THEN])
def test_an_update_rotates_by_a_time_of_its_own_transaction(marker: datetime | None) -> None:
    key = stored_as(OLD, marker)
    execute(
        "UPDATE tickets_ticket SET token = %s, token_rotated_at = clock_timestamp() WHERE id = %s",
        NEW,
        key,
    )
    token, new_marker = Ticket.objects.values_list("token", "token_rotated_at").get(pk=key)
    assert token == NEW
    assert new_marker is not None
    assert new_marker >= now()


@pytest.mark.parametrize("marker", [None, EARLIER, LATER])
def test_an_inserted_row_has_a_token_of_its_own_and_the_time_of_the_clock(
    marker: datetime | None,
) -> None:
    sent, began_at = uuid4(), now()
    for _ in range(2):
        execute(
            "INSERT INTO tickets_ticket (subject, status, created_at, token, token_rotated_at)"
            " VALUES ('x', 'open', now(), %s, %s)",
            sent,
            marker,
        )
    rows = Ticket.objects.values_list("token", "token_rotated_at")
    assert len({sent, *(token for token, _ in rows)}) == 3
    assert all(rotated_at is not None and rotated_at > began_at for _, rotated_at in rows)


def now() -> datetime:
    """The time that the transaction has, which began before any insert."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        (time,) = cursor.fetchone()
    assert isinstance(time, datetime)
    return time


def test_a_token_s_name_is_part_of_its_triggers_names_and_the_usual_one_is_not() -> None:
    assert trigger_name("guard_insert", "token") == "guard_insert"
    assert trigger_name("guard_insert", "secret") == "guard_insert_secret"


def test_a_trigger_s_name_fits_beside_what_pgtrigger_adds_and_tells_long_tokens_apart() -> None:
    fits, too_long, other = "t" * 34, "t" * 35, "t" * 34 + "u"
    assert trigger_name("guard_insert", fits) == f"guard_insert_{fits}"
    names = {trigger_name("guard_insert", token) for token in (too_long, other)}
    assert len(names) == 2
    assert {len(name) for name in names} == {47}
    assert {name.rpartition("_")[0] for name in names} == {f"guard_insert_{'t' * 25}"}


def test_half_a_guard_is_none_and_a_guard_has_one_token() -> None:
    insert, update = guard("secret")
    assert isinstance(insert, InsertGuard)
    assert isinstance(update, UpdateGuard)
    (pair,) = guards_of([insert, update])
    assert (pair.insert, pair.update) == (insert, update)
    (pair,) = guards_of((update, insert))
    assert (pair.insert, pair.update) == (insert, update)
    other_insert, other_update = guard("other")
    assert list(guards_of([insert, other_update])) == []
    assert list(guards_of([insert])) == []
    assert list(guards_of(None)) == []
    pairs = list(guards_of([insert, other_insert, update, other_update]))
    assert [pair.insert.token for pair in pairs] == ["secret", "other"]


def test_a_marker_may_be_a_column_that_the_model_does_not_know() -> None:
    assert quoted_column(Ticket, Column('rotated"at')) == '"rotated""at"'
    assert quoted_column(Ticket, "token_rotated_at") == '"token_rotated_at"'


@pytest.mark.parametrize("field", ["messages", "nothing"])
def test_a_field_without_a_column_cannot_be_guarded(field: str) -> None:
    with pytest.raises(FieldDoesNotExist):
        quoted_column(Ticket, field)
    assert quoted_column(Message, "ticket") == '"ticket_id"'


def test_a_field_whose_column_is_none_cannot_be_guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    field = Ticket._meta.get_field("subject")
    monkeypatch.setattr(field, "column", None)
    with pytest.raises(FieldDoesNotExist, match=r"Ticket\.subject has no column of its own"):
        quoted_column(Ticket, "subject")


def test_a_format_s_length_is_known_and_an_expression_s_is_not() -> None:
    insert, _ = guard(fresh_token=hexadecimal(32))
    assert isinstance(insert, InsertGuard)
    assert insert.length == 32
    assert "gen_random" in insert.fresh_token
    insert, _ = guard(fresh_token="make_token()")
    assert isinstance(insert, InsertGuard)
    assert (insert.length, insert.fresh_token) == (None, "make_token()")


def test_a_guard_is_refused_while_an_app_that_it_needs_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    has = {"pgtrigger", "token_rotation"}
    apps = SimpleNamespace(apps_ready=True, is_installed=lambda app: app in has)
    monkeypatch.setattr(f"{guards_of.__module__}.apps", apps)
    with pytest.raises(ImproperlyConfigured, match=r"needs token_rotation\.operations in"):
        guard()
    apps.apps_ready = False
    assert len(guard()) == 2
