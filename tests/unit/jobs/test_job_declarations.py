"""A job that would do nothing is refused where it is declared."""

from collections.abc import Callable
from typing import Any

import pytest

from token_rotation.jobs.job import Job


async def asynchronous(self: Job, item: Any) -> None:
    """Nobody awaits it."""


async def asynchronous_generator(self: Job, item: Any) -> Any:
    yield item


def generator(self: Job, item: Any) -> Any:
    yield item


@pytest.mark.parametrize("method", ["process", "process_batch"])
@pytest.mark.parametrize("function", [asynchronous, asynchronous_generator, generator])
def test_work_that_a_call_does_not_do_is_no_work(method: str, function: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=r"Shout: \w+ is async or has a yield, so that a call"):
        type("Shout", (Job,), {method: function})
