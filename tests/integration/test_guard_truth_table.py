"""No write brings a leaked token back, and no marker claims a rotation that did not happen."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pgtrigger
import pytest
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from tickets.models import Ticket

pytestmark = pytest.mark.django_db(transaction=True)

OLD_TOKEN, NEW_TOKEN = UUID(int=1), UUID(int=2)
EARLIER, THEN, LATER = (datetime(year, 1, 1, tzinfo=UTC) for year in (2023, 2024, 2025))

# stored marker, written token, written marker, whether the write passes
TRUTH_TABLE = {
    "nothing changes on a pending row": (None, OLD_TOKEN, None, True),
    "nothing changes on a rotated row": (THEN, OLD_TOKEN, THEN, True),
    "the row is asked to be rotated again": (THEN, OLD_TOKEN, None, True),
    "the marker is set without a new token": (None, OLD_TOKEN, THEN, False),
    "the marker is moved later without a new token": (THEN, OLD_TOKEN, LATER, False),
    "the marker is moved earlier without a new token": (THEN, OLD_TOKEN, EARLIER, False),
    "a pending row is rotated": (None, NEW_TOKEN, THEN, True),
    "a rotated row is rotated again": (THEN, NEW_TOKEN, LATER, True),
    "a pending row gets a token and stays pending": (None, NEW_TOKEN, None, True),
    "a rotated row would get an unmarked token": (THEN, NEW_TOKEN, None, False),
    "a rotated row would get a token of the same time": (THEN, NEW_TOKEN, THEN, False),
    "a rotated row would get an earlier token": (THEN, NEW_TOKEN, EARLIER, False),
}


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
    ticket.token_rotated_at = marker
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
            "UPDATE tickets_ticket SET subject = 'as written', token = %s, token_rotated_at = %s"
            " WHERE id = %s",
            [new_token, new_marker, ticket.pk],
        )

    kept = (new_token, new_marker) if passes else (OLD_TOKEN, marker)
    assert stored(ticket) == ("as written", *kept)


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


@pytest.mark.parametrize("write", ORM_WRITES)
@pytest.mark.parametrize(
    ("marker", "new_token", "new_marker", "passes"), TRUTH_TABLE.values(), ids=TRUTH_TABLE.keys()
)
def test_the_truth_table_holds_through_the_orm(
    marker: datetime | None,
    new_token: UUID,
    new_marker: datetime | None,
    write: Callable[[Any, dict[str, Any]], None],
    *,
    passes: bool,
) -> None:
    ticket = store(OLD_TOKEN, marker)

    write(ticket, {"subject": "as written", "token": new_token, "token_rotated_at": new_marker})

    kept = (new_token, new_marker) if passes else (OLD_TOKEN, marker)
    assert stored(ticket) == ("as written", *kept)


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
            " UPDATE tickets_ticket SET token = %s, token_rotated_at = %s WHERE id = %s",
            [new_token, new_marker, ticket.pk],
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


@pytest.mark.parametrize("model", [lambda: Ticket, old_ticket_model], ids=["new code", "old code"])
@pytest.mark.parametrize("write", STALE_WRITES)
def test_a_stale_write_keeps_its_other_columns_and_brings_no_leaked_token_back(
    write: Callable[[Any], None], model: Callable[[], Any]
) -> None:
    leaked = store(uuid4())
    stale = model().objects.get(pk=leaked.pk)
    rotated_token, rotated_at = rotate(leaked)

    write(stale)

    subject, token, marker = stored(leaked)
    assert subject == "as written"
    assert token != leaked.token
    assert marker is not None
    if write is not stale_upsert:  # its INSERT half may have issued one more fresh token
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
        cursor.copy_expert(f"COPY tickets_ticket ({columns}) FROM STDIN", io.StringIO(f"{line}\n"))

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
