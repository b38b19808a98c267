"""Where the application chooses the token, no leaked one comes back, though it is not retired yet.

These rows are pending: nothing has replaced their tokens.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import IntegrityError, connection
from pytest_django.plugin import DjangoDbBlocker

from tests.support.wished import rotate_behind, wishing_models

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.server_versions]

LEAKED = "leaked-to-somebody"


@pytest.fixture(scope="module")
def wishes(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Any]:
    with django_db_blocker.unblock(), wishing_models() as models:
        yield models


@pytest.fixture(params=["Link", "Alias"])
def model(request: pytest.FixtureRequest, wishes: Any) -> Any:
    return getattr(wishes, request.param)


@pytest.fixture
def pending(model: Any) -> Any:
    """A row whose token is pending, as it was loaded."""
    row = model.objects.create(slug=LEAKED)
    model.objects.update(slug_rotated_at=None)
    return model.objects.get(pk=row.pk)


def is_stored(model: Any) -> bool:
    return bool(model.objects.filter(slug=LEAKED, slug_rotated_at__isnull=False).exists())


def test_save_as_new_of_a_pending_row(model: Any, pending: Any) -> None:
    pending.pk = None
    pending._state.adding = True
    with pytest.raises(IntegrityError) as raised:
        pending.save()
    assert LEAKED not in str(raised.value)
    assert not is_stored(model)


@pytest.mark.parametrize("rotates", [False, True])
def test_a_stale_save_of_a_deleted_pending_row(model: Any, pending: Any, *, rotates: bool) -> None:
    other = model.objects.create(slug="other")
    model.objects.filter(pk=pending.pk).delete()
    if rotates:
        rotate_behind(other, "slug", "slug_rotated_at")
    with pytest.raises(IntegrityError, match="retired"):
        pending.save()
    assert not is_stored(model)


def test_create_with_the_token_of_a_deleted_pending_row(model: Any, pending: Any) -> None:
    pending.delete()
    with pytest.raises(IntegrityError, match="retired"):
        model.objects.create(slug=LEAKED)
    with pytest.raises(IntegrityError, match="retired"):
        model.objects.bulk_create([model(slug="another"), model(slug=LEAKED)])
    assert not is_stored(model)


def test_a_wish_of_the_token_of_a_pending_row(model: Any, pending: Any) -> None:
    other = model.objects.create(slug="other")
    other.slug = pending.slug
    with pytest.raises(IntegrityError) as raised:
        other.save()
    assert LEAKED not in str(raised.value)
    with pytest.raises(IntegrityError):
        model.objects.filter(pk=other.pk).update(slug=LEAKED)
    assert not is_stored(model)


@pytest.mark.parametrize("model", ["Alias"], indirect=True)
def test_raw_sql_copies_no_pending_row(model: Any, pending: Any) -> None:
    with connection.cursor() as cursor, pytest.raises(IntegrityError, match="of a pending row"):
        cursor.execute("INSERT INTO wishes_alias (slug) SELECT slug FROM wishes_alias")
    assert not is_stored(model)
