"""manage.py check knows whether a leaked token could be sent again."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, models
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from tests.support.wished import rotate_behind, wishing_models
from token_rotation.checks.database import check_targets
from token_rotation.checks.sent_tokens import check_retired_are_kept, check_unique_at_once
from token_rotation.models import RetiredToken
from token_rotation.operations.lifecycle import Status
from token_rotation.operations.models import BatchOperation

pytestmark = pytest.mark.django_db(transaction=True)

OF_SENT_TOKENS = {"token_rotation.E025", "token_rotation.E026"}


@pytest.fixture(scope="module")
def wishes(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Any]:
    with django_db_blocker.unblock(), wishing_models() as models:
        yield models


def found() -> list[str]:
    said = [*check_retired_are_kept(), *check_targets(databases=["default"])]
    return [f"{each.id} {each.msg}" for each in said if each.id in OF_SENT_TOKENS]


def record_a_rotation(label: str = "wishes.Link", rows: int = 1) -> None:
    operation = BatchOperation.objects.create_synchronous(
        "rotation", input_data={"model": label}, progress_total=rows
    )
    operation.beat(rows)
    operation.finish(failed=False, output_data={})
    assert BatchOperation.objects.get().status == Status.FINISHED


def test_a_chosen_token_whose_replaced_ones_are_kept_is_fine(wishes: Any) -> None:
    link = wishes.Link.objects.create(slug="leaked")
    rotate_behind(link, "slug", "slug_rotated_at")
    record_a_rotation()
    assert found() == []


def test_a_chosen_token_whose_replaced_ones_are_not_kept_is_an_error(
    wishes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    meta = wishes.Link._meta
    for kept in ("guard_retired_slug", "keep_retired_slug", "keep_deleted_slug"):
        triggers = [each for each in meta.triggers if each.name != kept]
        assert len(triggers) == len(meta.triggers) - 1
        with monkeypatch.context() as without:
            without.setattr(meta, "triggers", triggers)
            (message,) = check_retired_are_kept()
        assert message.id == "token_rotation.E025"
        assert "keep_retired('slug', ...)" in str(message.hint)


def test_a_rotation_that_kept_nothing_is_an_error(wishes: Any) -> None:
    record_a_rotation()
    link = wishes.Link.objects.create(slug="leaked")
    rotate_behind(link, "slug", "slug_rotated_at")
    (said,) = found()
    assert said.startswith("token_rotation.E026 wishes.Link: Operation ")


def test_kept_tokens_of_another_column_do_not_count(wishes: Any) -> None:
    before = timezone.now() - timedelta(days=1)
    RetiredToken.objects.create(hash=b"0", source="wishes_pair.first", retired_at=before)
    record_a_rotation()
    assert len(found()) == 1


@pytest.mark.parametrize(("label", "rows"), [("wishes.Pair.first", 1), ("wishes.Link", 0)])
def test_a_rotation_of_other_tokens_or_of_none_does_not_count(
    wishes: Any, label: str, rows: int
) -> None:
    record_a_rotation(label, rows)
    assert found() == []


def test_without_the_tables_the_checks_of_the_database_speak(wishes: Any) -> None:
    record_a_rotation()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE token_rotation_retiredtoken RENAME TO elsewhere")
        try:
            assert found() == []
        finally:
            cursor.execute("ALTER TABLE elsewhere RENAME TO token_rotation_retiredtoken")


@pytest.mark.parametrize("name", ["Link", "Device"])
def test_a_chosen_token_that_is_unique_at_commit_only_is_an_error(
    wishes: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    model = getattr(wishes, name)
    token = "slug" if name == "Link" else "secret"
    constraints = [models.UniqueConstraint(fields=[token], name="at_once")]
    monkeypatch.setattr(model._meta, "constraints", constraints)
    monkeypatch.setitem(vars(model._meta), "total_unique_constraints", constraints)  # a cache
    assert check_unique_at_once() == []
    constraints[0].deferrable = models.Deferrable.IMMEDIATE
    assert [each.id for each in check_unique_at_once()] == (
        ["token_rotation.E027"] if name == "Link" else []
    )
