"""A server that vanishes without a word ends a run in bounded time, and costs no row."""

import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.leaked import assert_each_token_changed_once, leak, pending
from tests.support.manage import Manage
from tests.support.vanishing import IP, VanishingMachine
from tests.support.waiting import until

ROWS = 20_000


@pytest.fixture
def machine(database_url: str) -> Iterator[VanishingMachine]:
    if IP is None or os.geteuid() != 0 or "host=%2F" not in database_url:
        pytest.skip("needs root, iproute2 and a server with a Unix socket")
    machine = VanishingMachine(database_url)
    try:
        machine.start()
    except subprocess.CalledProcessError as error:
        machine.end()
        pytest.skip(f"no network can be made here: {error.stderr!r}")
    yield machine
    machine.end()


def test_a_server_that_vanishes_without_a_word_ends_the_run_and_a_later_one_goes_on(
    manage: Manage, database_url: str, connect: Callable[[str], Any], machine: VanishingMachine
) -> None:
    tickets = connect(database_url)
    leak(tickets, ROWS)
    words = ("rotate_tokens", "--batch-rows", "50", "--retry-seconds", "3")
    process = manage.start(*words, database_url=machine.url)
    until(lambda: pending(tickets) < ROWS)
    machine.vanish()
    _, said = process.communicate(timeout=100)  # the kernel's own patience: two hours
    assert process.returncode == 1
    assert "gave up after " in said
    assert "To go on: python manage.py rotate_tokens" in said
    assert 0 < pending(tickets) < ROWS
    machine.come_back()
    assert manage("rotate_tokens", database_url=machine.url).returncode == 0
    assert_each_token_changed_once(tickets)
