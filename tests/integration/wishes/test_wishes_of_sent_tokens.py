"""Where the application chooses the token, what it sends is stored, unless it is retired."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core import serializers
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.forms import modelform_factory
from django.test.utils import CaptureQueriesContext
from pytest_django.plugin import DjangoDbBlocker

from tests.support.wished import rotate_behind, stored, wishing_models
from token_rotation.errors import TokenUpdateError

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.server_versions]

SENT = "chosen-by-the-application"


@pytest.fixture(scope="module")
def wishes(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Any]:
    with django_db_blocker.unblock(), wishing_models() as models:
        yield models


def by_save(wishes: Any, link: Any, slug: str) -> None:
    link.slug = slug
    link.save()


def by_update_fields(wishes: Any, link: Any, slug: str) -> None:
    link.slug = slug
    link.save(update_fields=["slug"])


def by_update(wishes: Any, link: Any, slug: str) -> None:
    wishes.Link.objects.filter(pk=link.pk).update(slug=slug)


def by_bulk_update(wishes: Any, link: Any, slug: str) -> None:
    link.slug = slug
    wishes.Link.objects.bulk_update([link], ["slug"])


def by_update_or_create(wishes: Any, link: Any, slug: str) -> None:
    wishes.Link.objects.update_or_create(pk=link.pk, defaults={"slug": slug})


def by_create(wishes: Any, link: Any, slug: str) -> None:
    wishes.Link.objects.create(slug=slug)


def by_bulk_create(wishes: Any, link: Any, slug: str) -> None:
    wishes.Link.objects.bulk_create([wishes.Link(slug=f"{slug} too"), wishes.Link(slug=slug)])


WRITES = [by_save, by_update_fields, by_update, by_bulk_update, by_update_or_create]
Write = Callable[[Any, Any, str], None]


@pytest.mark.parametrize("write", WRITES)
def test_the_token_that_is_sent_is_stored_and_counts_as_issued_now(
    wishes: Any, write: Write
) -> None:
    link = wishes.Link.objects.create(slug="first")
    assert stored(link, "slug") == "first"
    issued = link.slug_rotated_at
    write(wishes, link, SENT)
    slug, marker = stored(link, "slug", "slug_rotated_at")
    assert slug == SENT
    assert marker > issued


@pytest.mark.parametrize("write", WRITES)
def test_a_retired_token_is_refused_aloud_and_without_its_value(wishes: Any, write: Write) -> None:
    link = wishes.Link.objects.create(slug=SENT)
    rotate_behind(link, "slug", "slug_rotated_at")
    fresh = wishes.Link.objects.get(pk=link.pk)
    kept = (fresh.slug, fresh.slug_rotated_at)
    with pytest.raises(IntegrityError, match="retired") as raised:
        write(wishes, fresh, SENT)
    assert SENT not in str(raised.value)
    assert stored(link, "slug", "slug_rotated_at") == kept


@pytest.mark.parametrize("write", [*WRITES, by_create, by_bulk_create])
def test_a_token_of_another_row_is_refused_without_its_value(wishes: Any, write: Write) -> None:
    wishes.Link.objects.create(slug=SENT)
    link = wishes.Link.objects.create(slug="other")
    with pytest.raises(IntegrityError, match="slug") as raised:
        write(wishes, link, SENT)
    assert SENT not in str(raised.value)
    assert SENT not in f"{raised.value.__cause__} {vars(raised.value.__cause__)}"


def test_a_stale_save_is_refused_quietly(wishes: Any) -> None:
    link = wishes.Link.objects.create(slug=SENT)
    rotate_behind(link, "slug", "slug_rotated_at")
    kept = stored(link, "slug")
    link.name = "as written"
    link.save()
    assert stored(link, "name", "slug") == ("as written", kept)


def test_many_rows_get_their_own_tokens_in_one_statement(wishes: Any) -> None:
    links = [wishes.Link.objects.create(slug=f"first {n}") for n in range(3)]
    for link in links:
        link.slug = f"second {link.pk}"
    wishes.Link.objects.bulk_update(links, ["slug"])
    assert {link.slug for link in links} == set(wishes.Link.objects.values_list("slug", flat=True))


@pytest.mark.parametrize("name", ["NamedLink", "OldLink"])
def test_a_token_in_a_parents_table_is_stored_through_a_child_and_its_proxy(
    wishes: Any, name: str
) -> None:
    model = getattr(wishes, name)
    link = model.objects.create(slug="first")
    with CaptureQueriesContext(connection) as queries:
        model.objects.filter(pk=link.pk).update(title="as written", slug=SENT)
    assert stored(link, "title", "slug") == ("as written", SENT)
    assert sum(query["sql"].count("token_rotation.wish") for query in queries) == 2  # get and set
    rotate_behind(wishes.Link.objects.get(), "slug", "slug_rotated_at")
    with pytest.raises(IntegrityError, match="retired"):
        model.objects.filter(pk=link.pk).update(slug=SENT)


def test_a_token_that_is_too_long_is_not_cut_off(wishes: Any) -> None:
    link = wishes.Link.objects.create(slug="first")
    link.slug = SENT * 9
    with pytest.raises(Exception, match="22001") as raised:
        link.save()
    assert SENT not in str(raised.value)
    assert stored(link, "slug") == "first"


@pytest.mark.parametrize("insert", [by_create, by_bulk_create])
def test_a_retired_token_is_refused_for_a_new_row(wishes: Any, insert: Write) -> None:
    link = wishes.Link.objects.create(slug=SENT)
    rotate_behind(link, "slug", "slug_rotated_at")
    with pytest.raises(IntegrityError, match="retired") as raised:
        insert(wishes, link, SENT)
    assert SENT not in str(raised.value)


def test_an_upsert_with_the_marker_stores_what_is_sent(wishes: Any) -> None:
    link = wishes.Link.objects.create(slug="first")
    sent = {"update_conflicts": True, "unique_fields": ["id"]}
    made = [wishes.Link(pk=link.pk, slug=SENT)]
    with pytest.raises(TokenUpdateError, match="marker"):
        wishes.Link.objects.bulk_create(made, update_fields=["slug"], **sent)
    assert stored(link, "slug") == "first"
    wishes.Link.objects.bulk_create(made, update_fields=["slug", "slug_rotated_at"], **sent)
    assert stored(link, "slug") == SENT


# --- forms --------------------------------------------------------------------------------------


def posted(wishes: Any, link: Any, slug: str) -> Any:
    """A form that was opened before, and is posted now."""
    form = modelform_factory(type(link), fields=["name", "slug"])
    found = type(link).objects.get(pk=link.pk)
    return form({"name": "as written", "slug": slug}, instance=found)


@pytest.mark.parametrize("name", ["Link", "NamedLink", "OldLink"])
def test_a_form_that_was_opened_before_the_rotation_says_so(wishes: Any, name: str) -> None:
    link = getattr(wishes, name).objects.create(slug=SENT)
    parent = wishes.Link.objects.get()
    rotate_behind(parent, "slug", "slug_rotated_at")
    form = posted(wishes, link, SENT)
    assert form.errors.get_json_data()["slug"][0]["code"] == "retired"
    assert "name" not in form.errors
    assert SENT not in form.errors["slug"][0]


def test_a_form_with_any_other_token_is_valid(wishes: Any) -> None:
    link = wishes.Link.objects.create(slug=SENT)
    rotate_behind(link, "slug", "slug_rotated_at")
    for slug in (stored(link, "slug"), "another"):
        posted(wishes, link, slug).save()
        assert stored(link, "name", "slug") == ("as written", slug)


def test_a_retired_token_is_no_valid_one_for_a_new_row(wishes: Any) -> None:
    link = wishes.Link.objects.create(slug=SENT)
    rotate_behind(link, "slug", "slug_rotated_at")
    with transaction.atomic():
        with pytest.raises(ValidationError) as raised:
            wishes.Link(slug=SENT).full_clean()
        assert raised.value.error_dict["slug"][0].code == "retired"
        wishes.Link(name="made", slug="another").full_clean()


def test_a_stale_instance_is_valid_since_it_sends_no_token(wishes: Any) -> None:
    link = wishes.Link.objects.create(slug=SENT, name="stale")
    rotate_behind(link, "slug", "slug_rotated_at")
    with CaptureQueriesContext(connection) as queries:
        link.clean_fields()
    assert len(queries) == 0


def test_a_fixture_brings_no_retired_token_back(wishes: Any) -> None:
    link = wishes.Link.objects.create(slug=SENT, name="fixture")
    fixture = serializers.serialize("json", [link])
    assert json.loads(fixture)[0]["fields"]["slug"] == SENT
    rotate_behind(link, "slug", "slug_rotated_at")
    kept = stored(link, "slug")
    for each in serializers.deserialize("json", fixture):
        each.save()
    assert stored(link, "slug") == kept


def test_the_setting_of_the_wish_is_spent(wishes: Any) -> None:
    link = wishes.Link.objects.create(slug="first")
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        by_update(wishes, link, SENT)
        cursor.execute("SELECT current_setting('token_rotation.wish', true)")
        (standing,) = cursor.fetchone()
        cursor.execute("COMMIT")
    assert standing == ""
