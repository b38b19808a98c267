"""Groups and their registry: mistakes show when Django starts, not when a worker runs them."""

from typing import Any

import pytest

from token_rotation.operations.actions.action import Action, action_factory
from token_rotation.operations.actions.group import ActionGroup
from token_rotation.operations.actions.registry import Registry
from token_rotation.operations.errors import DuplicateGroupError, UnknownGroupError
from token_rotation.operations.lifecycle import Mode


class Send(Action):
    def execute(self, operation: Any) -> Any: ...


class Resend(Send):
    name = "Send"


def test_a_name_belongs_to_one_group() -> None:
    registry = Registry()
    group = registry.register(ActionGroup("mail", actions=[Send]))

    assert registry.register(group) is registry.get("mail")
    with pytest.raises(DuplicateGroupError, match="named 'mail' is registered already"):
        registry.register(ActionGroup("mail", actions=[Send]))


def test_an_unknown_name_is_told_with_the_known_ones() -> None:
    registry = Registry()
    registry.register(ActionGroup("mail", actions=[Send]))

    with pytest.raises(UnknownGroupError, match="named 'male'; registered: mail"):
        registry.get("male")


def test_the_mode_is_the_default_one_unless_the_group_decides() -> None:
    assert ActionGroup("mail", actions=[Send]).get_mode(rows=1) is Mode.ASYNCHRONOUS


@pytest.mark.parametrize(
    "mistake",
    [
        {"actions": []},
        {"actions": [Send, Resend]},
        {"actions": [Send], "time_limit_seconds": 1},
        {"actions": [Send], "soft_time_limit_seconds": 2, "time_limit_seconds": 1},
    ],
)
def test_a_group_that_cannot_work_is_refused(mistake: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^mail: "):
        ActionGroup("mail", **mistake)


def test_an_action_is_added_to_a_registered_group_once() -> None:
    registry = Registry()
    group = registry.register(ActionGroup("mail", actions=[Send]))
    group.add(action_factory(Send, "Copy"))

    assert [action.name for action in registry.get("mail").actions] == ["Send", "Copy"]
    with pytest.raises(ValueError, match="'Copy' is there"):
        group.add(action_factory(Resend, "Copy"))


def test_a_factory_makes_the_same_action_under_another_name() -> None:
    copy = action_factory(Send, "Copy")

    assert issubclass(copy, Send)
    assert (copy.name, copy.__module__, Send.name) == ("Copy", __name__, "Send")
    assert copy().logger.name == f"{__name__}.Copy"


def test_a_removed_groups_name_is_free_again() -> None:
    registry = Registry()
    registry.register(ActionGroup("mail", actions=[Send]))
    registry.remove("mail")

    assert registry.names() == []
    registry.register(ActionGroup("mail", actions=[Resend]))
    with pytest.raises(UnknownGroupError, match="named 'post'; registered: mail"):
        registry.remove("post")
