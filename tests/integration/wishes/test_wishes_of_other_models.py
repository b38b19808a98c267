"""Wishes hold on another package's model, on children and proxies, and beside absent tokens."""

from collections.abc import Callable, Iterator
from hashlib import md5
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.models import F
from django.db.models.signals import post_init
from django.forms import modelform_factory
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from pytest_django.plugin import DjangoDbBlocker

from tests.support.wished import rotate_behind, stored, wishing_models
from token_rotation import guard, rotate_rows, rotate_token, tokens_rotated
from token_rotation.declare.guarded import guarded_of
from token_rotation.errors import TokenUpdateError

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.server_versions]

SENT = "sent-by-the-application"


@pytest.fixture(scope="module")
def wishes(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Any]:
    with django_db_blocker.unblock(), wishing_models() as models:
        yield models


@pytest.fixture
def heard() -> Iterator[list[Any]]:
    heard: list[Any] = []

    def hear(**said: Any) -> None:
        heard.append((said["target"], said["keys"]))

    tokens_rotated.connect(hear)
    yield heard
    tokens_rotated.disconnect(hear)


# --- another package's model --------------------------------------------------------------------


def test_a_packages_own_regenerate_is_carried_out_though_it_knows_no_marker(
    wishes: Any, heard: list[Any]
) -> None:
    key = wishes.ApiKey.objects.create()
    before = key.key
    key.key = SENT
    key.save()
    assert key.key == stored(key, "key")
    assert key.key not in {SENT, before}
    assert len(key.key) == 40
    assert heard == [("wishes.GuardedApiKey", (key.pk,))]


def test_a_packages_stale_save_is_refused_and_its_other_columns_are_written(wishes: Any) -> None:
    key = wishes.ApiKey.objects.create()
    rotate_behind(key, "key", "key_rotated_at")
    kept = stored(key, "key")
    key.agent = "as written"
    key.save()
    assert stored(key, "agent", "key") == ("as written", kept)


def test_a_packages_default_is_no_stored_token(wishes: Any) -> None:
    """An instance made in Python for a row that exists, as some packages write one."""
    key = wishes.ApiKey.objects.create()
    made = wishes.ApiKey(pk=key.pk, agent="as written")
    made.save(force_update=True)
    assert made.key == stored(made, "key")
    assert made.key != key.key


@pytest.mark.parametrize("name", ["ApiKey", "GuardedApiKey"])
def test_a_row_is_rotated_through_the_packages_class_and_through_the_proxy(
    wishes: Any, heard: list[Any], name: str
) -> None:
    model = getattr(wishes, name)
    key = model.objects.create()
    before = key.key
    rotate_token(key)
    assert key.key == stored(key, "key")
    assert key.key != before
    assert heard == [("wishes.GuardedApiKey", (key.pk,))]
    assert rotate_rows(model.objects.all(), token="key") == 1
    assert stored(key, "key") != key.key
    key.agent = "as written"
    key.save()
    assert stored(key, "agent") == "as written"


def test_an_update_of_a_packages_key_is_refused(wishes: Any) -> None:
    with pytest.raises(TokenUpdateError, match=r"wishes\.GuardedApiKey\.key"):
        wishes.ApiKey.objects.update(key=SENT)


# --- children and proxies -----------------------------------------------------------------------


def test_a_child_changes_the_token_in_its_parents_table(wishes: Any, heard: list[Any]) -> None:
    camera = wishes.Camera.objects.create(name="door", lens="wide", secret=SENT)
    before = camera.secret
    assert before not in {SENT, None}
    camera.secret, camera.lens = SENT, "narrow"
    camera.save()
    assert camera.secret == stored(camera, "secret")
    assert camera.secret not in {SENT, before}
    assert stored(camera, "lens") == "narrow"
    assert heard == [("wishes.Device", (camera.pk,))]


def test_a_childs_own_token_and_its_parents_are_each_changed_once(
    wishes: Any, heard: list[Any]
) -> None:
    camera = wishes.Camera.objects.create(name="door", lens="wide", secret=SENT)
    sent = uuid4()
    camera.secret, camera.pin = SENT, sent
    with CaptureQueriesContext(connection) as queries:
        camera.save()
    assert (camera.secret, camera.pin) == stored(camera, "secret", "pin")
    assert not {SENT, sent} & {camera.secret, camera.pin}
    assert heard == [("wishes.Device", (camera.pk,)), ("wishes.Camera", (camera.pk,))]
    said = [query["sql"].split()[0] for query in queries]
    assert said == ["BEGIN", "UPDATE", "SELECT", "UPDATE", "SELECT", "COMMIT"]
    heard.clear()
    before = (camera.secret, camera.pin)
    camera.rotate_token()
    assert (camera.secret, camera.pin) == stored(camera, "secret", "pin")
    assert not set(before) & {camera.secret, camera.pin}
    assert sorted(heard) == [("wishes.Camera", (camera.pk,)), ("wishes.Device", (camera.pk,))]


def test_a_childs_stale_save_is_refused(wishes: Any) -> None:
    camera = wishes.Camera.objects.create(name="door", lens="wide", secret=SENT)
    device = wishes.Device.objects.get(pk=camera.pk)
    rotate_behind(device, "secret", "secret_rotated_at")
    kept = stored(device, "secret")
    camera.lens = "narrow"
    camera.save()
    assert stored(camera, "lens", "secret") == ("narrow", kept)


def test_an_update_through_a_child_is_refused_before_its_own_table_is_written(wishes: Any) -> None:
    wishes.Camera.objects.create(name="door", lens="wide", secret=SENT)
    with CaptureQueriesContext(connection) as queries, pytest.raises(TokenUpdateError):
        wishes.Camera.objects.update(lens="narrow", secret=SENT)
    assert len(queries) == 0
    assert wishes.Camera.objects.get().lens == "wide"


def test_a_child_is_rotated_with_the_method_of_its_parent(wishes: Any) -> None:
    camera = wishes.Camera.objects.create(name="door", lens="wide", secret=SENT)
    before = camera.secret
    camera.rotate_token()
    assert camera.secret == stored(camera, "secret")
    assert camera.secret != before
    wishes.Device.objects.create(name="other", secret=SENT)
    assert wishes.Camera.objects.filter(lens="wide").rotate_tokens() == 1
    assert wishes.Camera.objects.filter(lens="narrow").rotate_tokens() == 0


def test_a_proxys_own_method_regenerates(wishes: Any) -> None:
    device = wishes.OldDevice.objects.create(name="lock", secret=SENT)
    before = device.secret
    device.regenerate()
    assert device.secret == stored(device, "secret")
    assert len(device.secret) == 40
    assert device.secret != before


@pytest.mark.parametrize(
    ("name", "tokens"),
    [("OldDevice", ["secret"]), ("Camera", ["pin", "secret"]), ("GuardedApiKey", ["key"])],
)
def test_each_token_of_a_models_tables_is_found_once(
    wishes: Any, name: str, tokens: list[str]
) -> None:
    assert [each.token.name for each in guarded_of(getattr(wishes, name))] == tokens


def test_a_model_without_a_guard_is_still_refused(wishes: Any) -> None:
    from tickets.models import Message  # noqa: PLC0415  (no table of this test's)

    with pytest.raises(ImproperlyConfigured, match="guard"):
        rotate_rows(Message.objects.all())


# --- two tokens ---------------------------------------------------------------------------------


def test_two_tokens_are_changed_in_one_save(wishes: Any) -> None:
    pair = wishes.Pair.objects.create()
    before = (pair.first, pair.second)
    pair.first, pair.second = pair.second, pair.first
    pair.save()
    assert (pair.first, pair.second) == stored(pair, "first", "second")
    assert not {pair.first, pair.second} & set(before)


def test_one_of_two_tokens_is_changed_and_the_other_stays(wishes: Any) -> None:
    pair = wishes.Pair.objects.create()
    first, second = pair.first, pair.second
    pair.second = first
    pair.save()
    assert pair.first == first
    assert pair.second not in {first, second}
    assert (pair.first, pair.second) == stored(pair, "first", "second")


# --- absent tokens ------------------------------------------------------------------------------


@pytest.mark.parametrize("absent", [None, ""])
def test_a_token_is_taken_away_and_no_stale_save_brings_it_back(wishes: Any, absent: Any) -> None:
    device = wishes.Device.objects.create(name="lock", secret=SENT)
    stale = wishes.Device.objects.get(pk=device.pk)
    moved_from = device.secret_rotated_at
    device.secret = absent
    device.save()
    assert (device.secret, device.secret_rotated_at) == stored(
        device, "secret", "secret_rotated_at"
    )
    assert device.secret == absent
    assert device.secret_rotated_at > moved_from
    stale.name = "as written"
    stale.save()
    assert stored(stale, "name", "secret") == ("as written", absent)


@pytest.mark.parametrize("absent", [None, ""])
def test_an_absent_token_is_issued_by_a_wish(wishes: Any, absent: Any, heard: list[Any]) -> None:
    device = wishes.Device.objects.create(name="lock", secret=absent)
    assert stored(device, "secret") == absent
    device.secret = SENT
    device.save()
    assert device.secret == stored(device, "secret")
    assert len(device.secret) == 40
    assert heard == [("wishes.Device", (device.pk,))]


def test_a_stale_save_of_an_absent_token_takes_no_issued_one_away(wishes: Any) -> None:
    device = wishes.Device.objects.create(name="lock", secret=None)
    stale = wishes.Device.objects.get(pk=device.pk)
    device.secret = SENT
    device.save()
    stale.name = "as written"
    stale.save()
    assert stored(stale, "name", "secret", "secret_rotated_at") == (
        "as written",
        device.secret,
        device.secret_rotated_at,
    )


def update(wishes: Any, device: Any, absent: Any) -> None:
    wishes.Device.objects.filter(pk=device.pk).update(secret=absent)


def bulk_update(wishes: Any, device: Any, absent: Any) -> None:
    device.secret = absent
    wishes.Device.objects.bulk_update([device], ["secret"])


@pytest.mark.parametrize("write", [update, bulk_update])
@pytest.mark.parametrize("absent", [None, ""])
def test_many_tokens_may_be_taken_away_at_once(
    wishes: Any, write: Callable[..., None], absent: Any, heard: list[Any]
) -> None:
    device = wishes.Device.objects.create(name="lock", secret=SENT)
    write(wishes, device, absent)
    assert stored(device, "secret") == absent
    assert heard == []


def test_a_form_that_leaves_the_token_alone_takes_it_not_away(wishes: Any) -> None:
    device = wishes.Device.objects.create(name="lock", secret=SENT)
    kept = device.secret
    form = modelform_factory(wishes.Device, fields=["name", "secret"])
    shown = form(instance=device)
    posted = {"name": "as written", "secret": shown["secret"].value()}
    form(posted, instance=wishes.Device.objects.get(pk=device.pk)).save()
    assert stored(device, "name", "secret") == ("as written", kept)


def test_a_forms_new_token_is_replaced_by_a_fresh_one(wishes: Any) -> None:
    device = wishes.Device.objects.create(name="lock", secret=SENT)
    form = modelform_factory(wishes.Device, fields=["name", "secret"])
    saved = form({"name": "lock", "secret": SENT}, instance=device).save()
    assert saved.secret == stored(device, "secret")
    assert saved.secret != SENT


def test_the_admins_new_token_is_replaced_by_a_fresh_one(wishes: Any, rf: RequestFactory) -> None:
    device = wishes.Device.objects.create(name="lock", secret=SENT)
    before = device.secret
    request, admin = rf.post("/"), ModelAdmin(wishes.Device, AdminSite())
    request.user = User(is_superuser=True)
    form = admin.get_form(request, device)({"name": "door", "secret": SENT}, instance=device)
    admin.save_model(request, form.save(commit=False), form, change=True)
    assert device.secret == stored(device, "secret")
    assert device.secret not in {SENT, before}
    assert stored(device, "name") == "door"


def issue_one(instance: Any, **_: Any) -> None:
    instance.secret = instance.secret or SENT


@pytest.mark.parametrize("absent", [None, ""])
def test_a_token_that_is_issued_while_a_row_is_loaded_is_stored_by_its_save(
    wishes: Any, absent: Any
) -> None:
    device = wishes.Device.objects.create(name="lock", secret=absent)
    post_init.connect(issue_one, sender=wishes.Device)
    try:
        found = wishes.Device.objects.get(pk=device.pk)
        assert found.secret == SENT
        found.save()
        assert found.secret == stored(device, "secret")
        assert len(found.secret) == 40
        kept = found.secret
        stale = wishes.Device.objects.get(pk=device.pk)
        rotate_behind(device, "secret", "secret_rotated_at")
        stale.save()
        assert stored(device, "secret") not in {kept, SENT}
    finally:
        post_init.disconnect(issue_one, sender=wishes.Device)


def test_an_instance_that_gets_the_key_of_another_row_holds_that_rows_token(wishes: Any) -> None:
    one, other = (wishes.Device.objects.create(name=name) for name in ("one", "other"))
    kept = stored(other, "secret", "secret_rotated_at")
    one.pk, one.name = other.pk, "as written"
    one.save()
    assert stored(other, "name", "secret", "secret_rotated_at") == ("as written", *kept)
    assert (one.secret, one.secret_rotated_at) == kept
    with CaptureQueriesContext(connection) as queries:
        one.save()
    assert len(queries) == 1


@pytest.mark.parametrize("name", ["Device", "Camera"])
def test_a_copy_under_a_new_key_is_an_instance_like_any_other(wishes: Any, name: str) -> None:
    device = getattr(wishes, name).objects.create(name="one")
    before = device.secret
    device.pk, device.id, device.name = None, None, "copy"
    device.save()
    assert device.secret == stored(device, "secret") != before
    with CaptureQueriesContext(connection) as queries:
        device.save(update_fields=["secret"])
    assert [query["sql"].split()[0] for query in queries if "UPDATE" in query["sql"]] == ["UPDATE"]
    assert not any("SELECT" in query["sql"] for query in queries)


# --- fields with an attribute of their own ------------------------------------------------------


def test_a_fields_own_attribute_keeps_working(wishes: Any) -> None:
    loud = wishes.Loud.objects.create(code="x")
    before = loud.code
    loud.code = "SENT"
    assert loud.code == "sent"
    loud.save()
    assert loud.code == stored(loud, "code")
    assert loud.code not in {"sent", before}
    stale = wishes.Loud.objects.defer("code").get()
    assert stale.code == loud.code
    rotate_behind(loud, "code", "code_rotated_at")
    kept = stored(loud, "code")
    stale.save()
    assert stored(loud, "code") == kept


def test_a_value_gets_its_type_from_the_column(wishes: Any) -> None:
    spelled = wishes.Spelled.objects.create()
    before, sent = spelled.code, uuid4()
    spelled.code = sent
    spelled.save()
    assert spelled.code == stored(spelled, "code")
    assert spelled.code not in {sent, before}


def test_another_columns_value_is_a_wish_too(wishes: Any) -> None:
    draft = wishes.Draft.objects.create()
    before, spare = draft.code, draft.spare
    draft.code = F("spare")
    draft.save()
    assert draft.code == stored(draft, "code")
    assert draft.code not in {before, spare}


def test_a_save_that_hides_its_row_reads_the_token_back(wishes: Any) -> None:
    draft = wishes.Draft.objects.create()
    before, sent = draft.code, uuid4()
    draft.code, draft.gone = sent, True
    draft.save()
    assert draft.code == wishes.Draft.everything.get(pk=draft.pk).code
    assert draft.code not in {before, sent}


def test_what_the_guard_computes_from_the_token_is_read_back_with_it(wishes: Any) -> None:
    draft = wishes.Draft.objects.create()
    draft.code = uuid4()
    draft.save()
    assert (draft.code, draft.mark) == stored(draft, "code", "mark")
    assert draft.mark == md5(str(draft.code).encode()).hexdigest()


PARTITIONED = """
DROP TABLE wishes_spelled;
CREATE SEQUENCE IF NOT EXISTS wishes_ids;
CREATE TABLE wishes_spelled (id bigint PRIMARY KEY DEFAULT nextval('wishes_ids'),
    code uuid NOT NULL DEFAULT gen_random_uuid(), code_rotated_at timestamptz DEFAULT now())
    PARTITION BY RANGE (id);
CREATE TABLE wishes_spelled_1 PARTITION OF wishes_spelled FOR VALUES FROM (0) TO (2);
CREATE TABLE wishes_spelled_2 PARTITION OF wishes_spelled DEFAULT;
"""


def test_a_wish_is_carried_out_on_each_partition(wishes: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(PARTITIONED)
    for trigger in guard("code", "code_rotated_at", partitioned=True):
        trigger.install(wishes.Spelled)
    for _ in range(2):
        spelled = wishes.Spelled.objects.create()
        stale = wishes.Spelled.objects.get(pk=spelled.pk)
        before, sent = spelled.code, uuid4()
        spelled.code = sent
        spelled.save()
        assert spelled.code == stored(spelled, "code")
        assert spelled.code not in {sent, before}
        stale.save()
        assert spelled.code == stored(spelled, "code")
