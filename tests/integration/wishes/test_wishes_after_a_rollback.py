"""What a rolled-back save stored is no loaded value: the next save sends it again."""

import copy
import pickle
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django.plugin import DjangoDbBlocker

from tests.support.wished import rotate_behind, stored, wishing_models
from token_rotation import rotate_token, tokens_rotated
from token_rotation.declare.watching.uncommitted import UncommittedSave

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.server_versions]

SENT = "sent-by-the-application"


class OwnError(Exception):
    """The application's own error."""


@pytest.fixture(scope="module")
def wishes(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Any]:
    with django_db_blocker.unblock(), wishing_models() as models:
        yield models


def an_exception(act: Callable[[], None]) -> None:
    with suppress(OwnError), transaction.atomic():
        act()
        raise OwnError


def an_error_of_the_database(act: Callable[[], None]) -> None:
    with suppress(IntegrityError), transaction.atomic():
        act()
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO wishes_device DEFAULT VALUES")


def a_nested_block(act: Callable[[], None]) -> None:
    with transaction.atomic():
        transaction.on_commit(lambda: None)
        an_exception(act)


def an_inner_block_of_one_that_fails(act: Callable[[], None]) -> None:
    with suppress(OwnError), transaction.atomic():
        with transaction.atomic():
            act()
        raise OwnError


def a_lost_connection(act: Callable[[], None]) -> None:
    with suppress(OwnError), transaction.atomic():
        act()
        connection.close()
        raise OwnError


ROLLBACKS = [
    an_exception,
    an_error_of_the_database,
    a_nested_block,
    an_inner_block_of_one_that_fails,
    a_lost_connection,
]
Rollback = Callable[[Callable[[], None]], None]


@pytest.mark.parametrize("rollback", ROLLBACKS)
def test_a_wish_that_was_rolled_back_is_one_again(wishes: Any, rollback: Rollback) -> None:
    device = wishes.Device.objects.create(name="lock")
    before = device.secret
    device.secret = SENT
    rollback(device.save)
    lost = device.secret
    assert stored(device, "secret") == before
    device.save()
    assert (device.secret, device.secret_rotated_at) == stored(
        device, "secret", "secret_rotated_at"
    )
    assert device.secret not in {before, lost, SENT}


@pytest.mark.parametrize("absent", [None, ""])
@pytest.mark.parametrize("rollback", ROLLBACKS)
def test_a_token_whose_taking_away_was_rolled_back_is_taken_away(
    wishes: Any, rollback: Rollback, absent: Any
) -> None:
    device = wishes.Device.objects.create(name="lock")
    device.secret = absent
    rollback(device.save)
    assert stored(device, "secret")
    device.save(update_fields=["secret"])
    assert stored(device, "secret") == absent


@pytest.mark.parametrize("rollback", ROLLBACKS)
def test_a_chosen_token_that_was_rolled_back_is_stored(wishes: Any, rollback: Rollback) -> None:
    link = wishes.Link.objects.create(slug="first")
    link.slug = SENT
    rollback(link.save)
    assert stored(link, "slug") == "first"
    link.save()
    assert stored(link, "slug") == SENT


@pytest.mark.parametrize("rollback", ROLLBACKS)
def test_a_rotation_that_was_rolled_back_is_made_up_for(wishes: Any, rollback: Rollback) -> None:
    device = wishes.Device.objects.create(name="lock")
    before = device.secret
    rollback(lambda: rotate_token(device))
    assert stored(device, "secret") == before
    device.save()
    assert device.secret == stored(device, "secret") != before


@pytest.mark.parametrize("rollback", ROLLBACKS)
def test_a_row_whose_insert_was_rolled_back_is_inserted_and_then_loaded(
    wishes: Any, rollback: Rollback
) -> None:
    link = wishes.Link(slug=SENT)
    rollback(link.save)
    link.save()
    assert stored(link, "slug") == SENT
    rotate_behind(link, "slug", "slug_rotated_at")
    kept = stored(link, "slug")
    link.name = "as written"
    link.save()
    assert stored(link, "name", "slug") == ("as written", kept)


def test_a_childs_failure_undoes_the_wish_of_its_parents_token(wishes: Any) -> None:
    camera = wishes.Camera.objects.create(name="door", lens="wide")
    before = camera.secret
    camera.secret, camera.lens = SENT, None
    with pytest.raises(IntegrityError):
        camera.save()
    assert stored(camera, "secret") == before
    camera.lens = "narrow"
    camera.save()
    assert camera.secret == stored(camera, "secret") != before


def test_a_demand_for_a_rotation_that_was_rolled_back_is_repeated(wishes: Any) -> None:
    device = wishes.Device.objects.create(name="lock")
    device.secret_rotated_at = None
    an_exception(device.save)
    assert stored(device, "secret_rotated_at") is not None
    device.save()
    assert stored(device, "secret", "secret_rotated_at") == (device.secret, None)


# --- what stands --------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [SENT, None])
def test_a_save_that_stands_counts_as_loaded_within_its_transaction(wishes: Any, sent: Any) -> None:
    device = wishes.Device.objects.create(name="lock")
    device.secret = sent
    with transaction.atomic():
        device.save()
        with CaptureQueriesContext(connection) as queries:
            device.save()
        assert len(queries) == 1
        an_exception(device.save)
        rotate_behind(device, "secret", "secret_rotated_at")
        kept = stored(device, "secret", "secret_rotated_at")
        device.save()
    assert stored(device, "secret", "secret_rotated_at") == kept


def test_a_save_that_was_committed_counts_as_loaded(wishes: Any) -> None:
    device = wishes.Device.objects.create(name="lock")
    device.secret = SENT
    with transaction.atomic():
        device.save()
    rotate_behind(device, "secret", "secret_rotated_at")
    kept = stored(device, "secret")
    an_exception(device.save)
    device.save()
    assert stored(device, "secret") == kept


def test_a_callback_of_the_commit_that_saves_changes_no_token(wishes: Any) -> None:
    device = wishes.Device.objects.create(name="lock")
    device.secret = SENT
    with transaction.atomic():
        transaction.on_commit(device.save)
        device.save()
        fresh = device.secret
    assert stored(device, "secret") == fresh


@pytest.mark.parametrize("names", [None, ["secret"]])
def test_what_is_read_after_the_rollback_counts_as_loaded(wishes: Any, names: Any) -> None:
    device = wishes.Device.objects.create(name="lock")
    before = device.secret
    device.secret = SENT
    an_exception(device.save)
    device.refresh_from_db(fields=names)
    device.save()
    assert device.secret == stored(device, "secret") == before


def test_what_is_read_before_the_rollback_does_not(wishes: Any) -> None:
    device = wishes.Device.objects.create(name="lock")
    before = device.secret

    def save_and_refresh() -> None:
        device.save()
        device.refresh_from_db()

    device.secret = SENT
    an_exception(save_and_refresh)
    device.save()
    assert device.secret == stored(device, "secret") != before


# --- copies and pickles -------------------------------------------------------------------------


def thawed(device: Any) -> Any:
    return pickle.loads(pickle.dumps(device))


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, thawed])
def test_a_copy_after_the_rollback_knows_of_it(wishes: Any, make: Callable[[Any], Any]) -> None:
    device = wishes.Device.objects.create(name="lock")
    device.secret = None
    an_exception(device.save)
    make(device).save()
    assert stored(device, "secret") is None


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy])
def test_a_copy_before_the_rollback_knows_of_it(wishes: Any, make: Callable[[Any], Any]) -> None:
    device = wishes.Device.objects.create(name="lock")
    device.secret = None
    copies = []
    an_exception(lambda: (device.save(), copies.append(make(device)))[1])  # type: ignore[func-returns-value]
    copies[0].save()
    assert stored(device, "secret") is None


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, thawed])
def test_a_copy_of_what_was_committed_is_stale_like_any_other(
    wishes: Any, make: Callable[[Any], Any]
) -> None:
    device = wishes.Device.objects.create(name="lock")
    device.secret = SENT
    with transaction.atomic():
        device.save()
        copied = make(device)
    rotate_behind(device, "secret", "secret_rotated_at")
    kept = stored(device, "secret")
    copied.save()
    make(copied).save()
    assert stored(device, "secret") == kept


def test_a_save_of_a_thread_that_is_gone_did_not_stand() -> None:
    with transaction.atomic():
        saved = UncommittedSave("default")
        assert saved.stands
        saved._connection = lambda: None
        assert not saved.stands
    assert saved.stands


def test_what_was_rolled_back_is_announced_when_it_is_carried_out(wishes: Any) -> None:
    heard: list[Any] = []

    def hear(**said: Any) -> None:
        heard.append(said["keys"])

    device = wishes.Device.objects.create(name="lock")
    tokens_rotated.connect(hear)
    try:
        device.secret = SENT
        an_exception(device.save)
        assert heard == []
        device.save()
        device.save()
    finally:
        tokens_rotated.disconnect(hear)
    assert heard == [(device.pk,)]
