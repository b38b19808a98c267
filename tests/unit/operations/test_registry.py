"""Groups and their registry: mistakes show when Django starts, not when a worker runs them."""

from typing import Any

import pytest

from token_rotation.operations.actions.action import Action
from token_rotation.operations.actions.group import ActionGroup, Mode
from token_rotation.operations.actions.registry import Registry
from token_rotation.operations.errors import DuplicateGroupError, UnknownGroupError


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
