"""SIGKILL at any moment loses at most the batch in flight, and a resume goes on."""

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.leaked import assert_each_token_changed_once, leak, pending
from tests.support.manage import Manage
from tests.support.waiting import until

ROWS = 24_000


@pytest.mark.parametrize(("workers", "kills"), [(1, 10), (3, 4)])
def test_killed_at_random_moments_each_token_changes_exactly_once(
    manage: Manage, database_url: str, connect: Callable[[str], Any], workers: int, kills: int
) -> None:
    tickets = connect(database_url)
    leak(tickets, ROWS)
    left = ROWS
    for _ in range(kills):
        process = manage.start(
            *("rotate_tokens", "--batch-rows", "200", "--workers", str(workers)),
            *("--pause-seconds", "0.005"),  # a kill comes in time
            database_url=database_url,
        )
        before = left
        until(lambda before=before: pending(tickets) < before)
        time.sleep(random.uniform(0, 0.05))  # the moment of the kill, not a wait for anything
        process.kill()
        process.communicate()
        left = pending(tickets)
        assert 0 < left < before
    assert manage("rotate_tokens", database_url=database_url).returncode == 0
    assert_each_token_changed_once(tickets)
