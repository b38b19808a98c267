"""An application's own change of a token is carried out, and a stale save is still refused."""

import copy
import pickle
from collections.abc import Callable, Iterator
from traceback import walk_tb
from typing import Any
from uuid import UUID, uuid4

import pgtrigger
import pytest
from _pytest._io.saferepr import saferepr
from asgiref.sync import async_to_sync
from django.core import serializers
from django.db import IntegrityError, connection, models, transaction
from django.db.models import F, Value
from django.db.models.signals import post_save
from django.forms import modelform_factory
from django.test.utils import CaptureQueriesContext

from tests.support import driver
from tests.support.wished import rotate_behind, stored
from tickets.models import Ticket
from token_rotation.errors import TokenUpdateError
from token_rotation.signals import tokens_rotated

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.server_versions]

SENT = UUID(int=7)


def leaked() -> Ticket:
    with pgtrigger.ignore("tickets.Ticket:guard_insert"):
        return Ticket.objects.create(subject="leaked", token=uuid4(), token_rotated_at=None)


def rotated() -> Ticket:
    return Ticket.objects.create(subject="rotated")


def reload(ticket: Ticket) -> Ticket:
    return Ticket.objects.get(pk=ticket.pk)


def assert_fresh(ticket: Ticket, *old: UUID) -> None:
    """The instance holds a token of the database's own, as it is stored."""
    token, marker = stored(ticket, "token", "token_rotated_at")
    assert (ticket.token, ticket.token_rotated_at) == (token, marker)
    assert token not in {SENT, *old}
    assert marker is not None


def wish_by_save(ticket: Ticket) -> Ticket:
    ticket.token = SENT
    ticket.save()
    return ticket


def wish_by_asave(ticket: Ticket) -> Ticket:
    ticket.token = SENT
    async_to_sync(ticket.asave)()
    return ticket


def wish_by_update_fields(ticket: Ticket) -> Ticket:
    ticket.token = SENT
    ticket.save(update_fields=["token"])
    return ticket


def wish_with_a_marker(ticket: Ticket) -> Ticket:
    ticket.token = SENT
    ticket.token_rotated_at = Ticket.objects.create(subject="now").token_rotated_at
    ticket.save()
    return ticket


def wish_by_update_or_create(ticket: Ticket) -> Ticket:
    found, created = Ticket.objects.update_or_create(pk=ticket.pk, defaults={"token": SENT})
    assert not created
    return found


def wish_by_text(ticket: Ticket) -> Ticket:
    ticket.token = str(SENT)  # type: ignore[assignment]
    ticket.save()
    return ticket


def wish_by_expression(ticket: Ticket) -> Ticket:
    ticket.token = Value(SENT)  # type: ignore[assignment]
    ticket.save()
    return ticket


def wish_by_database_function(ticket: Ticket) -> Ticket:
    ticket.token = Ticket._meta.get_field("token").db_default
    ticket.save()
    return ticket


def wish_without_loading(ticket: Ticket) -> Ticket:
    made = Ticket(pk=ticket.pk, subject="made", token=SENT, created_at=ticket.created_at)
    made.save(force_update=True)
    return made


def wish_without_loading_but_related(ticket: Ticket) -> Ticket:
    made = Ticket(pk=ticket.pk, subject="made", token=SENT, created_at=ticket.created_at)
    made._state.db = "default"  # as Django does when a related row is assigned
    made.save(force_update=True)
    return made


def wish_without_loading_by_hand(ticket: Ticket) -> Ticket:
    made = Ticket(pk=ticket.pk, token=SENT)
    made._state.adding = False
    made.save(update_fields=["token"])
    return made


def wish_without_a_token(ticket: Ticket) -> Ticket:
    made = Ticket(pk=ticket.pk, subject="made", created_at=ticket.created_at)
    made.save(force_update=True)
    return made


def wish_after_deferring(ticket: Ticket) -> Ticket:
    found = Ticket.objects.only("subject").get(pk=ticket.pk)
    found.token = SENT
    found.save()
    return found


def wish_after_loading_late(ticket: Ticket) -> Ticket:
    found = Ticket.objects.defer("token").get(pk=ticket.pk)
    assert found.token == ticket.token
    found.token = SENT
    found.save()
    return found


def wish_of_a_copy(ticket: Ticket) -> Ticket:
    other = copy.copy(ticket)
    other.token = SENT
    other.save()
    return other


def wish_of_a_pickle(ticket: Ticket) -> Ticket:
    ticket.token = SENT
    thawed: Ticket = pickle.loads(pickle.dumps(ticket))
    thawed.save()
    return thawed


def wish_by_form(ticket: Ticket) -> Ticket:
    field = Ticket._meta.get_field("token")
    field.editable = True
    try:
        form = modelform_factory(Ticket, fields=["subject", "token"])(
            {"subject": "posted", "token": str(SENT)}, instance=ticket
        )
        form.save()
    finally:
        field.editable = False
    return ticket


WISHES = [value for name, value in sorted(globals().items()) if name.startswith("wish_")]


@pytest.mark.parametrize("row", [leaked, rotated])
@pytest.mark.parametrize("wish", WISHES)
def test_a_changed_token_is_replaced_by_a_fresh_one_which_the_instance_holds(
    wish: Callable[[Ticket], Ticket], row: Callable[[], Ticket]
) -> None:
    before = row()
    assert_fresh(wish(reload(before)), before.token)


def test_a_wish_moves_the_marker_on() -> None:
    ticket = rotated()
    before = ticket.token_rotated_at
    wish_by_save(ticket)
    assert ticket.token_rotated_at > before  # type: ignore[operator]


def test_after_a_wish_the_instance_saves_like_any_other() -> None:
    ticket = wish_by_save(leaked())
    fresh = ticket.token
    ticket.subject = "as written"
    ticket.save()
    assert stored(ticket, "subject", "token") == ("as written", fresh)
    wish_by_save(ticket)
    assert_fresh(ticket, fresh)


# --- what is not a wish -------------------------------------------------------------------------


def stale_as_loaded(ticket: Ticket) -> Ticket:
    return ticket


def stale_with_its_own_value(ticket: Ticket) -> Ticket:
    ticket.token = UUID(str(ticket.token))
    return ticket


def stale_with_its_own_value_as_text(ticket: Ticket) -> Ticket:
    ticket.token = str(ticket.token)  # type: ignore[assignment]
    return ticket


def stale_copy(ticket: Ticket) -> Ticket:
    return copy.deepcopy(ticket)


def stale_pickle(ticket: Ticket) -> Ticket:
    thawed: Ticket = pickle.loads(pickle.dumps(ticket))
    return thawed


def stale_pickle_of_an_earlier_release(ticket: Ticket) -> Ticket:
    for name in [name for name in vars(ticket._state) if name.startswith("token_rotation")]:
        delattr(ticket._state, name)
    return ticket


def stale_after_refreshing(ticket: Ticket) -> Ticket:
    ticket.refresh_from_db()
    return ticket


def stale_after_refreshing_the_token(ticket: Ticket) -> Ticket:
    ticket.refresh_from_db(fields=["token"])
    return ticket


def stale_after_loading_late(ticket: Ticket) -> Ticket:
    found = Ticket.objects.defer("token").get(pk=ticket.pk)
    assert found.token
    return found


def stale_after_loading_it_for_all_rows(ticket: Ticket) -> Ticket:
    if not hasattr(models, "FETCH_PEERS"):
        pytest.skip("Django 6.1 has it")
    Ticket.objects.create(subject="another")
    found, other = Ticket.objects.defer("token").fetch_mode(models.FETCH_PEERS).order_by("pk")
    assert other.token
    assert vars(found)["token"] == ticket.token
    return found


def stale_after_a_stale_save(ticket: Ticket) -> Ticket:
    loaded = ticket.token
    rotate_behind(ticket, "token", "token_rotated_at")
    ticket.save()
    assert ticket.token == loaded
    return ticket


def stale_after_deleting_the_attribute(ticket: Ticket) -> Ticket:
    del ticket.token
    assert ticket.token
    return ticket


def stale_after_its_creation(ticket: Ticket) -> Ticket:
    return Ticket.objects.create(subject="x", token=SENT)


def stale_after_its_bulk_creation(ticket: Ticket) -> Ticket:
    return Ticket.objects.bulk_create([Ticket(subject="x"), Ticket(pk=999, subject="y")])[1]


def stale_after_a_wish(ticket: Ticket) -> Ticket:
    return wish_by_save(ticket)


STALE = [value for name, value in sorted(globals().items()) if name.startswith("stale_")]


@pytest.mark.parametrize("row", [leaked, rotated])
@pytest.mark.parametrize("make", STALE)
def test_a_stale_save_keeps_the_stored_token(
    make: Callable[[Ticket], Ticket], row: Callable[[], Ticket]
) -> None:
    stale = make(reload(row()))
    rotate_behind(stale, "token", "token_rotated_at")
    kept = stored(stale, "token", "token_rotated_at")
    stale.subject = "as written"
    stale.save()
    assert stored(stale, "subject", "token", "token_rotated_at") == ("as written", *kept)


def test_a_save_of_what_was_loaded_sends_no_token_and_asks_nothing_more() -> None:
    ticket = reload(leaked())
    ticket.subject = "as written"
    with CaptureQueriesContext(
        connection,
    ) as queries:
        ticket.save()
    assert len(queries) == 1
    assert str(ticket.token) not in queries[0]["sql"]
    assert "wish" not in queries[0]["sql"]


def test_a_row_can_still_be_asked_to_be_rotated_again() -> None:
    ticket = rotated()
    ticket.token_rotated_at = None
    ticket.save()
    assert stored(ticket, "token", "token_rotated_at") == (ticket.token, None)


def test_a_form_that_was_opened_before_the_rotation_brings_no_leaked_token_back() -> None:
    before = leaked()
    rotate_behind(before, "token", "token_rotated_at")
    posted = reload(before)
    posted.token = before.token
    posted.save()
    assert_fresh(posted, before.token)


# --- one transaction ----------------------------------------------------------------------------


def test_after_a_wish_a_stale_save_of_the_same_row_is_refused_in_the_same_transaction() -> None:
    ticket = leaked()
    stale = reload(ticket)
    with transaction.atomic():
        wish_by_save(ticket)
        stale.subject = "as written"
        stale.save()
    assert stored(ticket, "subject", "token") == ("as written", ticket.token)


def write_raw(ticket: Ticket, token: UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tickets_ticket SET token = %s WHERE id = %s", [token, ticket.pk])


@pytest.mark.parametrize("outcome", ["carried out", "rolled back"])
def test_a_wish_is_spent_when_its_statement_is_over(outcome: str) -> None:
    """The same value, sent again by code that nobody can tell from a stale save."""
    ticket = rotated()
    with transaction.atomic():
        with transaction.atomic():
            wish_by_save(ticket)
            transaction.set_rollback(outcome == "rolled back")
        before = stored(ticket, "token")
        write_raw(ticket, SENT)
        assert stored(ticket, "token") == before


def test_the_same_value_as_the_stored_one_leaves_no_wish_behind() -> None:
    ticket = rotated()
    made = Ticket(pk=ticket.pk, token=ticket.token)
    with transaction.atomic():
        made.save(update_fields=["token"])
        assert stored(ticket, "token") == ticket.token
        rotate_behind(ticket, "token", "token_rotated_at")
        before = stored(ticket, "token")
        write_raw(ticket, ticket.token)
        assert stored(ticket, "token") == before


def test_a_wish_for_one_row_is_none_for_another() -> None:
    ticket, other = rotated(), rotated()
    before = other.token
    with transaction.atomic():
        wish_by_save(ticket)
        write_raw(other, SENT)
    assert stored(other, "token") == before


def test_a_row_that_is_gone_is_inserted_anew_and_its_instance_goes_on() -> None:
    ticket = leaked()
    before = ticket.token
    Ticket.objects.all().delete()
    wish_by_save(ticket)
    assert_fresh(ticket, before)
    fresh = ticket.token
    ticket.save()
    assert stored(ticket, "token") == fresh


def test_a_wish_that_only_updates_says_so_when_the_row_is_gone() -> None:
    ticket = leaked()
    Ticket.objects.all().delete()
    ticket.token = SENT
    with pytest.raises(Exception, match="did not affect any rows"):
        ticket.save(update_fields=["token"])


def test_receivers_of_post_save_see_the_stored_token() -> None:
    seen = []

    def see(instance: Ticket, **_: Any) -> None:
        seen.append((instance.token, stored(instance, "token")))

    ticket = leaked()
    post_save.connect(see, sender=Ticket)
    try:
        wish_by_save(ticket)
    finally:
        post_save.disconnect(see, sender=Ticket)
    assert seen == [(ticket.token, ticket.token)]


@pytest.fixture
def heard() -> Iterator[list[Any]]:
    heard: list[Any] = []

    def hear(**said: Any) -> None:
        heard.append((said["target"], said["database"], said["keys"]))

    tokens_rotated.connect(hear, sender=Ticket)
    yield heard
    tokens_rotated.disconnect(hear, sender=Ticket)


def test_a_wish_is_announced_as_a_rotation_once_it_is_committed(heard: list[Any]) -> None:
    ticket = leaked()
    with transaction.atomic():
        wish_by_save(ticket)
        assert heard == []
    assert heard == [("tickets.Ticket", "default", (ticket.pk,))]


def test_neither_a_stale_save_nor_what_is_rolled_back_is_announced(heard: list[Any]) -> None:
    ticket = leaked()
    ticket.save()
    with transaction.atomic():
        wish_by_save(ticket)
        transaction.set_rollback(True)
    assert heard == []


# --- update() and bulk_update() -----------------------------------------------------------------


def by_update(ticket: Ticket) -> None:
    Ticket.objects.filter(pk=ticket.pk).update(subject="as written", token=SENT)


def by_update_with_an_expression(ticket: Ticket) -> None:
    Ticket.objects.filter(pk=ticket.pk).update(subject="as written", token=F("token"))


def by_bulk_update(ticket: Ticket) -> None:
    ticket.token = SENT
    Ticket.objects.bulk_update([ticket], ["subject", "token"])


@pytest.mark.parametrize("write", [by_update, by_update_with_an_expression, by_bulk_update])
def test_an_update_of_a_token_is_refused_before_any_sql_is_sent(
    write: Callable[[Ticket], None],
) -> None:
    ticket = leaked()
    refusal = pytest.raises(TokenUpdateError, match=r"tickets\.Ticket\.token: .*save\(\)")
    with CaptureQueriesContext(connection) as queries, refusal as raised:
        write(ticket)
    assert not any("UPDATE" in query["sql"] for query in queries)
    assert str(SENT) not in str(raised.value)
    assert stored(ticket, "subject") == "leaked"


def test_an_update_of_other_columns_costs_nothing_more() -> None:
    ticket = leaked()
    with CaptureQueriesContext(connection) as queries:
        Ticket.objects.filter(token=ticket.token).update(subject="as written")
    assert len(queries) == 1
    assert stored(ticket, "subject") == "as written"


# --- errors and fixtures ------------------------------------------------------------------------


def test_no_error_of_a_wish_names_a_token() -> None:
    ticket = rotated()
    ticket.token = SENT
    ticket.subject = None  # type: ignore[assignment]
    before = stored(ticket, "token")
    with pytest.raises(IntegrityError, match="subject") as raised:
        ticket.save()
    for error in (raised.value, raised.value.__cause__):
        assert str(SENT) not in str(error)
        assert str(before) not in str(error)


def fails_by_save(ticket: Ticket) -> None:
    ticket.subject = None  # type: ignore[assignment]
    ticket.save()


def fails_by_update_fields(ticket: Ticket) -> None:
    ticket.subject = None  # type: ignore[assignment]
    ticket.save(update_fields=["subject"])


def fails_by_update(ticket: Ticket) -> None:
    Ticket.objects.filter(pk=ticket.pk).update(subject=None)


def fails_by_bulk_update(ticket: Ticket) -> None:
    ticket.subject = None  # type: ignore[assignment]
    Ticket.objects.bulk_update([ticket], ["subject"])


def fails_by_upsert(ticket: Ticket) -> None:
    Ticket.objects.bulk_create(
        [Ticket(pk=ticket.pk, subject="y", created_at=ticket.created_at)],
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["subject", "created_at"],
    )
    fails_by_update(ticket)


def fails_by_insert(ticket: Ticket) -> None:
    Ticket.objects.create(subject=None)  # type: ignore[misc]


FAILURES = [value for name, value in sorted(globals().items()) if name.startswith("fails_")]


def locals_of(error: BaseException) -> str:
    """What a report of the error shows of each frame that is not a test's."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    return " ".join(
        f"{saferepr(value, maxsize=None)} {value if isinstance(value, Exception) else ''}"
        for frame in frames
        if frame.f_code.co_filename != __file__
        for value in frame.f_locals.values()
    )


@pytest.mark.parametrize("write", FAILURES)
def test_no_error_of_a_write_shows_the_rows_token(write: Callable[[Ticket], None]) -> None:
    """PostgreSQL quotes the row that fails, with its live token."""
    ticket = rotated()
    with pytest.raises(IntegrityError, match=r"23502.*subject") as raised:
        write(ticket)
    error, cause = raised.value, raised.value.__cause__
    assert error.__context__ is None
    assert isinstance(cause, driver.errors.NotNullViolation)
    assert (driver.sqlstate_of(cause), cause.diag.column_name) == ("23502", "subject")
    assert cause.diag.message_detail is None
    for shown in (str(error), str(cause), repr(vars(cause)), locals_of(error)):
        assert "Failing row" not in shown
        assert str(ticket.token) not in shown


def test_an_upsert_of_a_token_is_refused_before_any_sql_is_sent() -> None:
    ticket = rotated()
    kept = stored(ticket, "subject", "token")
    made = Ticket(pk=ticket.pk, subject="as written", token=SENT)
    refusal = pytest.raises(TokenUpdateError, match=r"tickets\.Ticket\.token: bulk_create\(\)")
    with CaptureQueriesContext(connection) as queries, refusal as raised:
        Ticket.objects.bulk_create(
            [made],
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=["subject", "token"],
        )
    assert not any("INSERT" in query["sql"] for query in queries)
    assert str(SENT) not in str(raised.value)
    assert stored(ticket, "subject", "token") == kept


@pytest.mark.parametrize("row", [leaked, rotated])
def test_a_token_that_something_keeps_is_an_error_and_nothing_is_saved(
    row: Callable[[], Ticket],
) -> None:
    """As the guard of an earlier release does."""
    ticket = row()
    before = stored(ticket, "subject", "token", "token_rotated_at")
    with connection.cursor() as cursor:
        cursor.execute(
            """
            CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN NEW.token := OLD.token; RETURN NEW; END $$;
            CREATE TRIGGER a_keep BEFORE UPDATE ON tickets_ticket FOR EACH ROW
            EXECUTE FUNCTION keep();
            """
        )
        try:
            ticket.subject = "as written"
            with pytest.raises(TokenUpdateError, match=r"manage\.py migrate") as raised:
                wish_by_save(ticket)
        finally:
            cursor.execute("DROP FUNCTION keep CASCADE")
    assert str(SENT) not in str(raised.value)
    assert stored(ticket, "subject", "token", "token_rotated_at") == before


def test_without_a_guard_a_save_is_a_save() -> None:
    """As before the first migration of an adopter."""
    ticket = rotated()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE tickets_ticket DISABLE TRIGGER USER")
        try:
            wish_by_save(ticket)
        finally:
            cursor.execute("ALTER TABLE tickets_ticket ENABLE TRIGGER USER")
    assert ticket.token == stored(ticket, "token") == SENT


def test_a_fixture_is_loaded_over_its_rows_and_brings_no_leaked_token_back() -> None:
    same, stale = rotated(), leaked()
    fixture = serializers.serialize("json", [same, stale])
    rotate_behind(stale, "token", "token_rotated_at")
    kept = stored(stale, "token", "token_rotated_at")
    Ticket.objects.update(subject="overwritten")
    for each in serializers.deserialize("json", fixture):
        each.save()
    assert stored(same, "subject", "token") == ("rotated", same.token)
    assert stored(stale, "subject", "token", "token_rotated_at") == ("leaked", *kept)


def test_a_fixture_is_loaded_into_an_empty_table() -> None:
    fixture = serializers.serialize("json", [rotated()])
    Ticket.objects.all().delete()
    for each in serializers.deserialize("json", fixture):
        each.save()
    assert Ticket.objects.get().token_rotated_at is not None
