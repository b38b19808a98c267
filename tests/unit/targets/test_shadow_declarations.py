"""A ShadowColumn that cannot be used is one line, before anything is written."""

from dataclasses import replace
from typing import Any

import pytest
from django.db.models import F, Max, OuterRef, Q, Subquery, Window
from django.db.models.functions import Lower, Now, Rank, Upper

from tickets.models import Message
from token_rotation import ShadowColumn
from token_rotation.checks.shadows import check_shadows
from token_rotation.errors import UnknownTargetError
from token_rotation.run.filling.sentences import rule_as_sentence
from token_rotation.selection.target import GuardTrigger
from token_rotation.selection.trigger_definition import FunctionDefinition, TriggerDefinition
from token_rotation.targets.shadows import find_shadows
from token_rotation.triggers.shadow import registry
from token_rotation.triggers.shadow.compiled import compile_shadow

FUNCTION = FunctionDefinition("fill()", "", "plpgsql")
GUARD = GuardTrigger(
    "fill", "tickets.Ticket:fill", "", TriggerDefinition(FUNCTION, "BEFORE", frozenset(), "ROW")
)

BODIES = Message.objects.filter(body=OuterRef("status")).values("body")


@pytest.fixture(autouse=True)
def _declared_here_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_shadows", {})


def of_tickets(**values: Any) -> ShadowColumn:
    return ShadowColumn("tickets.Ticket", "token_rotated_at", **values)


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        ({"set": {"subject": Lower("titel")}}, "Cannot resolve keyword 'titel'"),
        ({"set": {"titel": Lower("subject")}}, "has no field named 'titel'"),
        ({"set": {"status": F("imported__reference")}}, "Joined field references"),
        ({"set": {"status": "x"}, "pending": Q(imported__reference="r")}, "Joined field"),
        ({"set": {}}, "set names no field"),
        ({"set": {"token_rotated_at": Now()}}, "set names the marker"),
        ({"set": {"subject": Max("status")}}, "subject needs a subquery, not an aggregate"),
        ({"set": {"status": Window(Rank())}}, "status needs a subquery"),
        (
            {"set": {"status": Lower("subject"), "subject": Upper("status")}},
            "subject reads status as it was before",
        ),
        (
            {"set": {"subject": Subquery(BODIES), "status": "x"}},
            "subject reads status as it was before",
        ),
        ({"set": {"status": "x"}, "pending": Q(status="")}, "pending reads status as it was"),
    ],
)
def test_what_cannot_be_compiled_is_one_line(declared: dict[str, Any], reason: str) -> None:
    shadow = of_tickets(**declared)
    with pytest.raises(UnknownTargetError, match=reason) as error:
        compile_shadow(shadow)
    assert "\n" not in str(error.value)
    assert [each.id for each in check_shadows()] == ["token_rotation.E080"]


@pytest.mark.parametrize("marker", ["subject", "status", "created_at"])
def test_a_marker_is_a_time_that_may_be_null(marker: str) -> None:
    shadow = ShadowColumn("tickets.Ticket", marker, set={"token_rotated_at": None})
    with pytest.raises(UnknownTargetError, match=f"{marker} is no DateTimeField with null=True"):
        compile_shadow(shadow)


def test_a_token_is_no_shadow_column() -> None:
    of_tickets(set={"token": None})
    with pytest.raises(UnknownTargetError, match="rotating token"):
        find_shadows("default")


def test_a_label_is_a_model_or_a_field_of_it_in_any_case() -> None:
    of_tickets(set={"subject": Upper("subject")})
    for label in ("tickets.ticket", "Tickets.Ticket.Subject"):
        assert [each.label for each in find_shadows("default", [label])] == [
            "tickets.Ticket.subject"
        ]
    with pytest.raises(UnknownTargetError, match=r"'tickets.Message'; there is: tickets.Ticket"):
        find_shadows("default", ["tickets.Message"])


def test_a_table_that_no_trigger_follows_is_said() -> None:
    bodies = Message.objects.filter(ticket=OuterRef("pk")).values("body")[:1]
    of_tickets(set=lambda: {"subject": Subquery(bodies)})
    (shadow,) = find_shadows("default")
    assert "No trigger is declared" in rule_as_sentence(shadow)
    shadow = replace(shadow, guard_triggers=(GUARD,))
    assert "No trigger follows tickets_message: " in rule_as_sentence(shadow)
    assert rule_as_sentence(replace(shadow, unfollowed=())) == ""


def test_a_project_without_a_shadow_column_is_told_so() -> None:
    with pytest.raises(UnknownTargetError, match="declares a ShadowColumn"):
        find_shadows("default")


def test_a_model_is_named_with_its_app() -> None:
    with pytest.raises(ValueError, match=r"app\.Model"):
        ShadowColumn("Ticket", "filled_at", set={})
