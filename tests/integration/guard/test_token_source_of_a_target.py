"""A model's guard says where the fresh tokens of its target come from."""

from collections.abc import Callable
from typing import Any

import pytest

from tickets.models import Ticket
from token_rotation.errors import TokenSourceError
from token_rotation.selection.target import Target
from token_rotation.targets.discovery import target_of
from token_rotation.tokens.random_uuids import random_uuids
from token_rotation.tokens.sources import PythonTokens, SqlTokens
from token_rotation.triggers.guard import guard


@pytest.fixture
def target_with(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Target]:
    """target_with(make_tokens=...) is the target of a model with such a guard."""

    def find(**arguments: Any) -> Target:
        monkeypatch.setattr(Ticket._meta, "triggers", guard(**arguments))
        found = target_of(Ticket, "default")
        assert found is not None
        return found

    return find


def test_it_is_sql_unless_a_function_is_given(target_with: Callable[..., Target]) -> None:
    assert target_with().token_source == SqlTokens("gen_random_uuid()")
    other = target_with(fresh_token="md5(random()::text)::uuid")
    assert other.token_source == SqlTokens("md5(random()::text)::uuid")


@pytest.mark.parametrize("make", [random_uuids, "token_rotation.tokens.random_uuids.random_uuids"])
def test_it_may_be_a_function_or_the_path_of_one(
    target_with: Callable[..., Target], make: Any
) -> None:
    assert target_with(make_tokens=make).token_source == PythonTokens(random_uuids)


@pytest.mark.parametrize("path", ["nowhere", "no.such.module", "token_rotation.nothing"])
def test_a_path_that_leads_nowhere_is_told_in_one_line(
    target_with: Callable[..., Target], path: str
) -> None:
    with pytest.raises(TokenSourceError, match="make_tokens of its guard") as told:
        target_with(make_tokens=path)
    assert "\n" not in str(told.value)


def test_the_triggers_are_the_same_wherever_the_rotations_tokens_come_from(
    target_with: Callable[..., Target],
) -> None:
    assert target_with(make_tokens=random_uuids).guard_triggers == target_with().guard_triggers
