"""An OwnerNotice that cannot be used is one line, before anybody is told."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tickets.models import Ticket, owner_notice
from token_rotation import OwnerNotice
from token_rotation.checks.owners import check_notices
from token_rotation.errors import UnknownTargetError
from token_rotation.owners import registry
from token_rotation.owners.notice import notice_of

TELL = "tickets.mail.tell_requesters"


@pytest.fixture(autouse=True)
def _declared_here_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_notices", {})


def test_the_sites_own_is_good() -> None:
    registry.register(owner_notice)
    assert check_notices() == []
    assert registry.find_notices(["TICKETS.ticket", "tickets.Ticket"]) == [owner_notice]


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        ({"marker": "told_at"}, "has no field named 'told_at'"),
        ({"marker": "subject"}, "subject is no DateTimeField"),
        ({"marker": "created_at"}, "created_at needs null=True"),
        ({"tell": "tickets.mail.tell"}, 'does not define a "tell"'),
        ({"tell": "tickets.mail.SUBJECT"}, "tell is no function"),
        (
            {"marker": "token_rotated_at", "rotated": "token_notified_at"},
            "token_rotated_at has editable=False",
        ),
        ({}, "Meta.triggers lacks its triggers"),
    ],
)
def test_what_cannot_be_used_is_one_line(declared: dict[str, Any], reason: str) -> None:
    OwnerNotice("tickets.Ticket", **{"tell": TELL, **declared})
    (message,) = check_notices()
    assert message.id == "token_rotation.E081"
    assert reason in message.msg
    assert "\n" not in message.msg


@pytest.mark.parametrize(
    "declared",
    [
        {"marker": "token_rotated_at"},
        {"refused": "token_rotated_at"},
        {"refused": "token_notified_at"},
    ],
)
def test_one_field_does_not_say_two_things(declared: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="three fields"):
        OwnerNotice("tickets.Ticket", tell=TELL, **declared)


@pytest.mark.parametrize("label", ["Ticket", "a.b.C"])
def test_a_label_is_an_app_and_a_model(label: str) -> None:
    with pytest.raises(ValueError, match=r"app\.Model"):
        OwnerNotice(label, tell=TELL)


def test_a_model_without_a_notice_is_named_with_those_that_have_one() -> None:
    with pytest.raises(UnknownTargetError, match="declares an OwnerNotice"):
        registry.find_notices([])
    registry.register(owner_notice)
    with pytest.raises(UnknownTargetError, match=r"'shop\.Order'; there is: tickets\.Ticket"):
        registry.find_notices(["shop.Order"])


def test_a_notice_has_the_same_key_again_and_another_one_after_a_rotation() -> None:

    row, at = Ticket(pk=1), datetime(2026, 1, 1, tzinfo=UTC)
    keys = [
        notice_of(Ticket(pk=n), at + timedelta(microseconds=us)).key
        for n, us in ((1, 0), (1, 1), (2, 0))
    ]
    assert notice_of(row, at).key == keys[0]
    assert len(set(keys)) == len(keys)
