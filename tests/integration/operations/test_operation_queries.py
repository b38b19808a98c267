"""Finding operations, and asking many of them at once."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import connection, models
from django.db.models.functions import Now

from tickets.models import Ticket
from token_rotation.operations.models import BatchOperation

pytestmark = pytest.mark.django_db(transaction=True)

operations = BatchOperation.objects


@pytest.fixture
def uuid_model(transactional_db: None) -> Iterator[type[models.Model]]:
    """A model with a UUID as its primary key, and its table, for the length of a test."""

    class Thing(models.Model):
        id = models.UUIDField(primary_key=True, default=uuid4)

        class Meta:
            app_label = "token_rotation_operations"

        def __str__(self) -> str:
            return str(self.pk)

    with connection.schema_editor() as editor:
        editor.create_model(Thing)
    yield Thing
    ContentType.objects.filter(app_label="token_rotation_operations", model="thing").delete()
    with connection.schema_editor() as editor:
        editor.delete_model(Thing)
    del apps.all_models["token_rotation_operations"]["thing"]
    apps.clear_cache()
    ContentType.objects.clear_cache()


def test_an_object_with_an_integer_key_is_a_context() -> None:
    ticket = Ticket.objects.create(subject="x")
    operation = operations.create_asynchronous("mail", context_object=ticket)

    assert operation.context_id == str(ticket.pk)
    assert operations.get(pk=operation.pk).context_object == ticket
    assert list(operations.for_context(ticket)) == [operation]


def test_an_object_with_a_uuid_key_is_a_context(uuid_model: type[models.Model]) -> None:
    thing = uuid_model._default_manager.create()
    operation = operations.create_asynchronous("mail", context_object=thing)

    assert operation.context_id == str(thing.pk)
    assert operations.get(pk=operation.pk).context_object == thing
    assert operations.prefetch_related("context_object").get().context_object == thing
    assert list(operations.for_context(thing)) == [operation]


def test_an_object_with_a_text_key_is_a_context() -> None:
    session = Session.objects.create(session_key="a" * 32, expire_date=Now())
    operation = operations.create_asynchronous("mail", context_object=session)

    assert operations.get(pk=operation.pk).context_object == session
    assert list(operations.for_context(session)) == [operation]


def test_the_contexts_of_many_operations_are_read_in_one_query_a_model(
    django_assert_num_queries: Any,
) -> None:
    for number in range(5):
        ticket = Ticket.objects.create(subject=f"{number}")
        operations.create_asynchronous("mail", context_object=ticket)
    ContentType.objects.get_for_model(Ticket)

    with django_assert_num_queries(2):
        found = operations.prefetch_related("context_object")
        assert {operation.context_object.subject for operation in found} == set("01234")


def test_a_context_that_is_gone_leaves_its_key() -> None:
    ticket = Ticket.objects.create(subject="x")
    operation = operations.create_asynchronous("mail", context_object=ticket)
    key = str(ticket.pk)
    ticket.delete()

    operation = operations.get(pk=operation.pk)
    assert (operation.context_object, operation.context_id) == (None, key)


def test_the_record_outlives_the_model_of_its_context() -> None:
    gone, _ = ContentType.objects.get_or_create(app_label="gone", model="gone")
    operation = operations.create_synchronous("mail")
    operations.filter(pk=operation.pk).update(context_type=gone, context_id="7")
    gone.delete()

    operation.refresh_from_db()
    assert (operation.context_type, operation.context_id) == (None, "7")


def test_an_unsaved_object_is_no_context() -> None:
    with pytest.raises(ValueError, match="saved"):
        operations.create_asynchronous("mail", context_object=Ticket(subject="x"))

    assert not operations.exists()


def test_all_running_ones_of_a_type_are_asked_to_stop_in_one_update(
    django_assert_num_queries: Any,
) -> None:
    mails = [operations.create_synchronous("mail") for _ in range(3)]
    waiting = operations.create_asynchronous("mail")
    other = operations.create_synchronous("import")

    with django_assert_num_queries(1):
        assert operations.of_type("mail").request_stop() == 3

    assert all(operation.beat() for operation in mails)
    assert not other.beat()
    waiting.refresh_from_db()
    assert waiting.stop_requested_at is None


def test_the_delayed_mail_of_a_post_is_cancelled_in_one_delete(
    django_assert_num_queries: Any,
) -> None:
    post, other_post = (Ticket.objects.create(subject=text) for text in "ab")
    operations.create_asynchronous("mail", context_object=post)
    started = operations.create_asynchronous("mail", context_object=post)
    started.mark_as_running()
    other = operations.create_asynchronous("mail", context_object=other_post)
    ContentType.objects.get_for_model(Ticket)

    with django_assert_num_queries(1):
        assert operations.of_type("mail").for_context(post).cancel() == 1

    assert set(operations.all()) == {started, other}


def test_a_stalled_operation_is_one_that_runs_and_is_silent() -> None:
    silent, lively = (operations.create_synchronous("mail") for _ in range(2))
    operations.create_asynchronous("mail")
    ended = operations.create_synchronous("mail")
    long_ago = Now() - timedelta(minutes=10)
    operations.filter(pk__in=[silent.pk, ended.pk]).update(heartbeat_at=long_ago)
    ended.finish()

    assert list(operations.stalled(timedelta(minutes=5))) == [silent]
    assert lively not in operations.stalled(timedelta(minutes=5))
    silent.beat()
    assert not operations.stalled(timedelta(minutes=5)).exists()


def test_the_latest_comes_first() -> None:
    made = [operations.create_synchronous("mail") for _ in range(3)]

    assert list(operations.all()) == made[::-1]
    assert operations.latest() == made[-1]


def plan(query: models.QuerySet[BatchOperation]) -> str:
    with connection.cursor() as cursor:
        # A handful of rows is cheaper to scan; the question is whether the index can serve.
        cursor.execute("SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort=off")
        try:
            return query.explain()
        finally:
            cursor.execute("RESET enable_seqscan; RESET enable_bitmapscan; RESET enable_sort")


def test_the_look_ups_have_an_index() -> None:
    ticket = Ticket.objects.create(subject="x")

    assert "operations_running" in plan(operations.of_type("mail").running().order_by())
    assert "operations_latest_of_type" in plan(operations.of_type("mail")[:10])
    assert "operations_latest " in plan(operations.all()[:10])
    assert "operations_context" in plan(operations.for_context(ticket).order_by())
    assert "Sort" not in plan(operations.of_type("mail")[:10])
    assert "Sort" not in plan(operations.all()[:10])
