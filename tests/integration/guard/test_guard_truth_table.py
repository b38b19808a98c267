"""No write brings a leaked token back, and no marker claims a rotation that did not happen."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pgtrigger
import pytest
from django.core import serializers
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from tests.support import driver
from tickets.models import Ticket
from token_rotation.errors import TokenUpdateError

pytestmark = pytest.mark.django_db(transaction=True)

OLD_TOKEN, NEW_TOKEN = UUID(int=1), UUID(int=2)
EARLIER, THEN, LATER = (datetime(year, 1, 1, tzinfo=UTC) for year in (2023, 2024, 2025))
NOW = datetime(9000, 1, 1, tzinfo=UTC)  # stands for the server's clock

# stored marker, written token, written marker, whether the write passes
TRUTH_TABLE = {
    "nothing changes on a pending row": (None, OLD_TOKEN, None, True),
    "nothing changes on a rotated row": (THEN, OLD_TOKEN, THEN, True),
    "the row is asked to be rotated again": (THEN, OLD_TOKEN, None, True),
    "the marker is set without a new token": (None, OLD_TOKEN, THEN, False),
    "the marker is moved later without a new token": (THEN, OLD_TOKEN, LATER, False),
    "the marker is moved earlier without a new token": (THEN, OLD_TOKEN, EARLIER, False),
    "a pending row is rotated": (None, NEW_TOKEN, NOW, True),
    "a rotated row is rotated again": (THEN, NEW_TOKEN, NOW, True),
    "a rotated row would get a token of before": (THEN, NEW_TOKEN, LATER, False),
    "a pending row gets a token and stays pending": (None, NEW_TOKEN, None, True),
    "a rotated row would get an unmarked token": (THEN, NEW_TOKEN, None, False),
    "a rotated row would get a token of the same time": (THEN, NEW_TOKEN, THEN, False),
    "a rotated row would get an earlier token": (THEN, NEW_TOKEN, EARLIER, False),
}

SET_BOTH = (
    "token = %(token)s, token_rotated_at = CASE WHEN %(marker)s = %(now)s"
    " THEN clock_timestamp() ELSE %(marker)s END"
)


def store(token: UUID = OLD_TOKEN, marker: datetime | None = None) -> Ticket:
    """A row exactly as given, past the guard."""
    with pgtrigger.ignore("tickets.Ticket:guard_insert"):
        ticket = Ticket.objects.create(subject="as stored", token=token)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "UPDATE tickets_ticket SET token_rotated_at = %s WHERE id = %s", [marker, ticket.pk]
        )
        cursor.execute("RESET session_replication_role")
    ticket.refresh_from_db()
    assert stored(ticket) == ("as stored", token, marker)
    return ticket


def stored(ticket: Any) -> tuple[str, UUID, datetime | None]:
    return Ticket.objects.values_list("subject", "token", "token_rotated_at").get(pk=ticket.pk)


def rotate(ticket: Ticket) -> tuple[UUID, datetime | None]:
    """Rotate one row behind the application's back."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE tickets_ticket SET token = gen_random_uuid(),"
            " token_rotated_at = clock_timestamp() WHERE id = %s",
            [ticket.pk],
        )
    _, token, marker = stored(ticket)
    assert token != ticket.token
    return token, marker


@pytest.mark.parametrize(
    ("marker", "new_token", "new_marker", "passes"), TRUTH_TABLE.values(), ids=TRUTH_TABLE.keys()
)
def test_an_update_changes_token_and_marker_only_as_the_truth_table_says(
    marker: datetime | None, new_token: UUID, new_marker: datetime | None, *, passes: bool
) -> None:
    ticket = store(OLD_TOKEN, marker)

    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE tickets_ticket SET subject = 'as written', {SET_BOTH} WHERE id = %(key)s",
            {"token": new_token, "marker": new_marker, "now": NOW, "key": ticket.pk},
        )

    subject, token, stored_marker = stored(ticket)
    assert (subject, token) == ("as written", new_token if passes else OLD_TOKEN)
    if passes and new_marker is NOW:
        assert stored_marker is not None
        assert LATER < stored_marker < NOW
    else:
        assert stored_marker == (new_marker if passes else marker)


def write_by_save(ticket: Any, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(ticket, name, value)
    ticket.save()


def write_by_update(ticket: Any, values: dict[str, Any]) -> None:
    type(ticket).objects.filter(pk=ticket.pk).update(**values)


def write_by_bulk_update(ticket: Any, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(ticket, name, value)
    type(ticket).objects.bulk_update([ticket], list(values))


def write_by_update_or_create(ticket: Any, values: dict[str, Any]) -> None:
    type(ticket).objects.update_or_create(pk=ticket.pk, defaults=values)


ORM_WRITES = [write_by_save, write_by_update, write_by_bulk_update, write_by_update_or_create]


@pytest.mark.parametrize("write", [write_by_save, write_by_update_or_create])
@pytest.mark.parametrize(
    ("marker", "new_token", "new_marker", "passes"), TRUTH_TABLE.values(), ids=TRUTH_TABLE.keys()
)
def test_a_save_passes_with_the_loaded_token_and_rotates_with_another(
    marker: datetime | None,
    new_token: UUID,
    new_marker: datetime | None,
    write: Callable[[Any, dict[str, Any]], None],
    *,
    passes: bool,
) -> None:
    ticket = store(OLD_TOKEN, marker)

    write(ticket, {"subject": "as written", "token": new_token, "token_rotated_at": new_marker})

    subject, token, stored_marker = stored(ticket)
    assert subject == "as written"
    if new_token == OLD_TOKEN:
        assert (token, stored_marker) == (OLD_TOKEN, new_marker if passes else marker)
    else:
        assert token not in {OLD_TOKEN, NEW_TOKEN}
        assert stored_marker is not None
        assert stored_marker > LATER


@pytest.mark.parametrize("write", [write_by_update, write_by_bulk_update])
def test_an_update_of_many_rows_names_no_token(
    write: Callable[[Any, dict[str, Any]], None],
) -> None:
    ticket = store(OLD_TOKEN)

    with pytest.raises(TokenUpdateError, match=r"rotate_rows\(\)"):
        write(ticket, {"subject": "as written", "token": NEW_TOKEN})

    assert stored(ticket) == ("as stored", OLD_TOKEN, None)


@pytest.mark.parametrize("write", [write_by_update, write_by_bulk_update])
@pytest.mark.parametrize("new_marker", [None, EARLIER, LATER])
def test_an_update_of_many_rows_may_ask_for_a_rotation_and_claim_none(
    write: Callable[[Any, dict[str, Any]], None], new_marker: datetime | None
) -> None:
    ticket = store(OLD_TOKEN, THEN)

    write(ticket, {"subject": "as written", "token_rotated_at": new_marker})

    kept = None if new_marker is None else THEN
    assert stored(ticket) == ("as written", OLD_TOKEN, kept)


MARKER_NOT_WRITTEN = {name: row for name, row in TRUTH_TABLE.items() if row[0] == row[2]}


@pytest.mark.parametrize("write", ORM_WRITES)
@pytest.mark.parametrize(
    ("marker", "new_token", "new_marker", "passes"),
    MARKER_NOT_WRITTEN.values(),
    ids=MARKER_NOT_WRITTEN.keys(),
)
def test_the_truth_table_holds_for_old_code_that_knows_no_marker(
    marker: datetime | None,
    new_token: UUID,
    new_marker: datetime | None,
    write: Callable[[Any, dict[str, Any]], None],
    *,
    passes: bool,
) -> None:
    old = old_ticket_model().objects.get(pk=store(OLD_TOKEN, marker).pk)

    write(old, {"subject": "as written", "token": new_token})

    assert stored(old) == ("as written", new_token if passes else OLD_TOKEN, marker)


@pytest.mark.parametrize(
    ("marker", "new_token", "new_marker", "passes"), TRUTH_TABLE.values(), ids=TRUTH_TABLE.keys()
)
def test_an_update_that_passes_calls_no_function(
    marker: datetime | None, new_token: UUID, new_marker: datetime | None, *, passes: bool
) -> None:
    ticket = store(OLD_TOKEN, marker)

    with connection.cursor() as cursor:
        cursor.execute(
            "EXPLAIN (ANALYZE, FORMAT JSON)"
            f" UPDATE tickets_ticket SET {SET_BOTH} WHERE id = %(key)s",
            {"token": new_token, "marker": new_marker, "now": NOW, "key": ticket.pk},
        )
        (plan,) = cursor.fetchone()

    plan = json.loads(plan) if isinstance(plan, str) else plan
    calls = sum(trigger["Calls"] for trigger in plan[0]["Triggers"])
    is_silent = passes and (new_token, new_marker) != (NEW_TOKEN, None)
    assert calls == (0 if is_silent else 1)


def stale_save(stale: Any) -> None:
    stale.subject = "as written"
    stale.save()


def stale_update(stale: Any) -> None:
    values = {"subject": "as written", "token": stale.token}
    if hasattr(stale, "token_rotated_at"):
        values["token_rotated_at"] = stale.token_rotated_at
    type(stale).objects.filter(pk=stale.pk).update(**values)


def stale_bulk_update(stale: Any) -> None:
    stale.subject = "as written"
    type(stale).objects.bulk_update([stale], _written_fields(stale))


def stale_update_or_create(stale: Any) -> None:
    type(stale).objects.update_or_create(
        pk=stale.pk, defaults={"subject": "as written", "token": stale.token}
    )


def stale_upsert(stale: Any) -> None:
    stale.subject = "as written"
    type(stale).objects.bulk_create(
        [stale], update_conflicts=True, unique_fields=["id"], update_fields=_written_fields(stale)
    )


def _written_fields(stale: Any) -> list[str]:
    return [name for name in ("subject", "token", "token_rotated_at") if hasattr(stale, name)]


STALE_WRITES = [stale_save, stale_update, stale_bulk_update, stale_update_or_create, stale_upsert]


def old_ticket_model() -> Any:
    """The model as the old application has it: it knows no marker and makes tokens in Python."""
    state = MigrationExecutor(connection).loader.project_state(("tickets", "0001_initial"))
    return state.apps.get_model("tickets", "Ticket")


REFUSED_BY_PYTHON = {stale_update, stale_bulk_update}


@pytest.mark.parametrize("model", [lambda: Ticket, old_ticket_model], ids=["new code", "old code"])
@pytest.mark.parametrize("write", STALE_WRITES)
def test_a_stale_write_keeps_its_other_columns_and_brings_no_leaked_token_back(
    write: Callable[[Any], None], model: Callable[[], Any]
) -> None:
    leaked = store(uuid4())
    stale = model().objects.get(pk=leaked.pk)
    rotated_token, rotated_at = rotate(leaked)

    if model() is Ticket and write in REFUSED_BY_PYTHON:
        with pytest.raises(TokenUpdateError):
            write(stale)
        assert stored(leaked) == ("as stored", rotated_token, rotated_at)
        return
    write(stale)

    subject, token, marker = stored(leaked)
    assert subject == "as written"
    assert token != leaked.token
    assert marker is not None
    # The INSERT half of an upsert may have issued one more fresh token; and update_or_create() of
    # the new code loads the row, so that the old token looks like a wish.
    is_new_code = model() is Ticket
    if write is not stale_upsert and not (is_new_code and write is stale_update_or_create):
        assert (token, marker) == (rotated_token, rotated_at)


def test_an_upsert_with_the_leaked_token_spelled_out_does_not_bring_it_back() -> None:
    leaked = store(uuid4())
    rotated = rotate(leaked)

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tickets_ticket (id, subject, status, created_at, token)"
            " VALUES (%(id)s, 'x', 'open', now(), %(token)s) ON CONFLICT (id)"
            " DO UPDATE SET subject = 'as written', token = %(token)s, token_rotated_at = NULL",
            {"id": leaked.pk, "token": leaked.token},
        )

    assert stored(leaked) == ("as written", *rotated)


def test_a_save_from_before_a_row_was_asked_to_rotate_once_more_brings_no_token_back() -> None:
    leaked = store(uuid4())
    rotate(leaked)
    stale = Ticket.objects.get(pk=leaked.pk)  # its token leaks, too
    rotate(stale)
    Ticket.objects.filter(pk=leaked.pk).update(token_rotated_at=None)

    stale_save(stale)

    assert stored(leaked)[2] is None, "the leaked token would count as rotated"


def restore_a_fixture(leaked: Ticket) -> None:
    """As ``loaddata`` and django-reversion do, with what was dumped before there was a marker."""
    fields = {
        "subject": "as written",
        "status": "open",
        "created_at": leaked.created_at,
        "token": str(leaked.token),
    }
    (row,) = serializers.deserialize(
        "python", [{"model": "tickets.ticket", "pk": leaked.pk, "fields": fields}]
    )
    row.save()


def save_in_a_data_migration(leaked: Ticket) -> None:
    """The model of a migration knows the marker's default, and no instance has been loaded."""
    loader = MigrationExecutor(connection).loader
    historical = loader.project_state().apps.get_model("tickets", "Ticket")
    historical(
        pk=leaked.pk, subject="as written", token=leaked.token, created_at=leaked.created_at
    ).save()


def set_the_marker_to_its_default(leaked: Ticket) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE tickets_ticket SET subject = 'as written', token = %s,"
            " token_rotated_at = DEFAULT WHERE id = %s",
            [leaked.token, leaked.pk],
        )


@pytest.mark.parametrize(
    "write", [restore_a_fixture, save_in_a_data_migration, set_the_marker_to_its_default]
)
def test_the_default_of_the_marker_claims_no_rotation(write: Callable[[Ticket], None]) -> None:
    leaked = store(uuid4())
    rotated = rotate(leaked)

    write(leaked)

    assert stored(leaked) == ("as written", *rotated)


def test_a_pending_row_written_by_a_stale_save_stays_pending() -> None:
    leaked = store(uuid4())
    stale = Ticket.objects.get(pk=leaked.pk)

    stale_save(stale)

    assert stored(leaked) == ("as written", leaked.token, None)


@pytest.mark.parametrize("model", [lambda: Ticket, old_ticket_model], ids=["new code", "old code"])
@pytest.mark.parametrize("insert", ["create", "save", "bulk_create", "update_or_create"])
def test_an_inserted_row_is_born_fresh_whatever_token_was_sent(
    insert: str, model: Callable[[], Any]
) -> None:
    manager, sent, before = model().objects, uuid4(), timezone.now()

    if insert == "create":
        ticket = manager.create(subject="x", token=sent)
    elif insert == "save":
        ticket = model()(subject="x", token=sent)
        ticket.save()
    elif insert == "bulk_create":
        (ticket,) = manager.bulk_create([model()(subject="x", token=sent)])
    else:
        ticket, _ = manager.update_or_create(subject="x", defaults={"token": sent})

    _, token, marker = stored(ticket)
    assert token != sent
    assert marker is not None
    assert marker >= before


@pytest.mark.parametrize("marker", [["token_rotated_at"], []], ids=["new code", "old code"])
def test_copied_rows_are_born_fresh(marker: list[str]) -> None:
    sent = uuid4()
    columns = ", ".join(["subject", "status", "created_at", "token", *marker])
    line = "\t".join(["x", "open", "2020-01-01", str(sent), *(r"\N" for _ in marker)])

    with transaction.atomic(), connection.cursor() as cursor:
        line_as_file = io.StringIO(f"{line}\n")
        driver.copy_from(cursor, f"COPY tickets_ticket ({columns}) FROM STDIN", line_as_file)

    ticket = Ticket.objects.get()
    assert ticket.token != sent
    assert ticket.token_rotated_at is not None


def test_in_a_long_transaction_the_marker_is_the_time_of_the_insert() -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT now()")
            (transaction_start,) = cursor.fetchone()
        ticket = Ticket.objects.create(subject="x")

    assert ticket.token_rotated_at is not None
    assert ticket.token_rotated_at > transaction_start


def test_other_columns_of_a_rotated_row_can_be_written_freely() -> None:
    ticket = Ticket.objects.create(subject="x")

    Ticket.objects.filter(pk=ticket.pk).update(subject="as written")

    assert stored(ticket) == ("as written", ticket.token, ticket.token_rotated_at)
