"""People can find and read operations in the admin, and change nothing."""

from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import reverse

from tickets.models import Ticket
from token_rotation.operations.models import BatchOperation

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "admin:token_rotation_operations_batchoperation_changelist"
DETAIL = "admin:token_rotation_operations_batchoperation_change"


@pytest.fixture
def site(client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Client:
    # The settings fixture would read the old value back at the end, which Django forbids if empty.
    monkeypatch.setattr(django_settings._wrapped, "SECRET_KEY", "for this test only")
    monkeypatch.delitem(django_settings.__dict__, "SECRET_KEY", raising=False)
    settings.SECURE_SSL_REDIRECT = False
    settings.ALLOWED_HOSTS = ["testserver"]
    return client


@pytest.fixture
def staff(site: Client) -> Client:
    site.force_login(User.objects.create_superuser("admin"))
    return site


def text_of(page: Any) -> str:
    assert page.status_code == 200
    return str(page.content.decode())


def shown(page: Any) -> set[BatchOperation]:
    assert page.status_code == 200
    return set(page.context["cl"].result_list)


def test_the_list_shows_every_status(staff: Client) -> None:
    user = User.objects.create_user("ann")
    BatchOperation.objects.create_asynchronous("mail", started_by=user)
    running = BatchOperation.objects.create_synchronous("import", progress_total=1000)
    running.beat(done=10)
    BatchOperation.objects.create_synchronous("rotate_tokens").finish(failed=True)

    text = text_of(staff.get(reverse(LIST)))

    for expected in ("mail", "ann", "10 of 1,000", "0 of –", f"{running.os_user}@{running.host}"):
        assert expected in text


def test_the_list_is_filtered_searched_and_drilled_by_date(staff: Client) -> None:
    mail = BatchOperation.objects.create_asynchronous("mail")
    user = User.objects.create_user("ann")
    importing = BatchOperation.objects.create_synchronous("import", started_by=user)
    failed = BatchOperation.objects.create_synchronous("import")
    failed.finish(failed=True)
    url = reverse(LIST)

    assert shown(staff.get(url)) == {mail, importing, failed}
    for query, expected in [
        ({"status__exact": "running"}, {importing}),
        ({"result__exact": "failed"}, {failed}),
        ({"operation_type": "import"}, {importing, failed}),
        ({"created_at__year": mail.created_at.year}, {mail, importing, failed}),
        ({"created_at__year": mail.created_at.year - 1}, set()),
        ({"q": "mail"}, {mail}),
        ({"q": "ann"}, {importing}),
        ({"q": str(failed.pk)}, {failed}),
        ({"q": mail.os_user}, {mail, failed}),
    ]:
        assert shown(staff.get(url, query)) == expected, query


def test_the_list_takes_the_same_queries_whatever_its_length(
    staff: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        user = User.objects.create_user(f"user {number}")
        BatchOperation.objects.create_asynchronous("mail", started_by=user)

    with django_assert_max_num_queries(12):
        staff.get(reverse(LIST))


def test_the_detail_shows_everything_and_offers_nothing_to_change(staff: Client) -> None:
    ticket = Ticket.objects.create(subject="Invoice is missing")
    operation = BatchOperation.objects.create_synchronous(
        "mail", context_object=ticket, input_data={"to": "somebody"}
    )
    operation.finish(output_data={"sent": 1})

    text = text_of(staff.get(reverse(DETAIL, args=[operation.pk])))

    for expected in ("somebody", "sent", f"ticket {ticket.pk}", operation.host):
        assert expected in text
    for field in ('name="status"', 'name="_save"', "deletelink"):
        assert field not in text


def test_the_detail_of_an_operation_whose_context_is_gone(staff: Client) -> None:
    ticket = Ticket.objects.create(subject="x")
    operation = BatchOperation.objects.create_synchronous("mail", context_object=ticket)
    key = ticket.pk
    ticket.delete()
    of_a_gone_model = BatchOperation.objects.create_synchronous("mail")
    kind, _ = ContentType.objects.get_or_create(app_label="gone", model="gone")
    BatchOperation.objects.filter(pk=of_a_gone_model.pk).update(context_type=kind, context_id="7")

    assert f"ticket {key} (gone)" in text_of(staff.get(reverse(DETAIL, args=[operation.pk])))
    for _ in range(2):
        text_of(staff.get(reverse(DETAIL, args=[of_a_gone_model.pk])))
        kind.delete() if kind.pk else None


def test_every_write_is_refused_even_to_a_superuser(staff: Client) -> None:
    operation = BatchOperation.objects.create_asynchronous("mail")
    before = BatchOperation.objects.values().get()

    writes = [
        (reverse("admin:token_rotation_operations_batchoperation_add"), {"operation_type": "x"}),
        (reverse(DETAIL, args=[operation.pk]), {"status": "finished"}),
        (
            reverse("admin:token_rotation_operations_batchoperation_delete", args=[operation.pk]),
            {"post": "yes"},
        ),
    ]
    for url, data in writes:
        assert staff.post(url, data).status_code == 403, url
    staff.post(
        reverse(LIST),
        {"action": "delete_selected", "_selected_action": operation.pk, "post": "yes"},
    )

    assert BatchOperation.objects.values().get() == before


def test_whoever_may_not_view_operations_sees_none(site: Client) -> None:
    person = User.objects.create_user("ann", is_staff=True)
    site.force_login(person)
    assert site.get(reverse(LIST)).status_code == 403

    person.user_permissions.add(Permission.objects.get(codename="view_batchoperation"))
    assert site.get(reverse(LIST)).status_code == 200
