"""Ctrl-C ends scripts/bench also where the driver has made nothing of it."""

import signal
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(SCRIPTS)
    module = import_module("benchmark.interruption")
    before = {number: signal.getsignal(number) for number in module.SIGNALS}
    yield module
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_statement_that_ended_before_it_could_be_cancelled_is_the_last_one(
    module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wait(_connection: object) -> None:
        """As psycopg2's: an interrupt cancels the statement, here too late."""
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            return

    monkeypatch.setattr(module, "wait_select", wait)
    interruption = module.Interruption()
    with pytest.raises(KeyboardInterrupt):
        interruption.wait(None)
    interruption.wait(None)  # what cleans up is not interrupted again
    assert interruption.asked
