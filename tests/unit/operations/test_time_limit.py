"""Celery's soft time limit goes through what waits for others, whatever errors are caught there."""

import gc
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from celery import Celery
from django.dispatch import Signal

from tests.projects.worker_actions import unreachable
from token_rotation.operations.actions.action import Action
from token_rotation.operations.actions.group import ActionGroup
from token_rotation.operations.failures.alerts import mail, tell
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.queue.broker import ensure_broker, send

# A limit may strike before a library owns its socket: that is left to be collected, and here.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def collect_left_sockets() -> Iterator[None]:
    yield
    gc.collect()


@contextmanager
def soft_limit_strikes(server: socket.socket | None = None) -> Iterator[None]:
    """As in a pool process: by a signal, in the middle of what the main thread waits for.

    With a server it strikes after a client has come, not while that one is still being imported.
    """
    accepted = []

    def strike(*_: Any) -> None:
        raise SoftTimeLimitExceeded

    def wait_and_strike() -> None:
        if server is not None:
            accepted.append(server.accept())
        time.sleep(0.1)  # until the main thread waits
        os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, strike)
    thread = Thread(target=wait_and_strike)
    thread.start()
    try:
        yield
    finally:
        thread.join()
        signal.signal(signal.SIGUSR1, before)
        for client, _ in accepted:
            client.close()


@pytest.fixture
def silent_server() -> Iterator[socket.socket]:
    """It takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        yield listener


@pytest.fixture
def silent_broker(
    silent_server: socket.socket, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> socket.socket:
    port = silent_server.getsockname()[1]
    app = Celery("silent", broker=f"redis://127.0.0.1:{port}/0", set_as_current=False)
    monkeypatch.setattr(unreachable, "app", app)
    settings.OPERATIONS_CELERY_APP = "tests.projects.worker_actions.unreachable.app"
    return silent_server


def test_it_goes_through_a_mail_that_is_sent(silent_server: socket.socket, settings: Any) -> None:
    settings.ADMINS = [("", "on-call@example.com")]
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = silent_server.getsockname()

    with pytest.raises(SoftTimeLimitExceeded), soft_limit_strikes(silent_server):
        mail("subject", "message")


def test_it_goes_through_a_broker_that_is_asked(silent_broker: socket.socket) -> None:
    with pytest.raises(SoftTimeLimitExceeded), soft_limit_strikes(silent_broker):
        ensure_broker()


def test_it_goes_through_a_task_that_is_sent(silent_broker: socket.socket) -> None:
    operation = BatchOperation(pk=1, operation_type="any")

    with pytest.raises(SoftTimeLimitExceeded), soft_limit_strikes(silent_broker):
        send(operation, ActionGroup("any", actions=[Nothing]))


def test_it_goes_through_the_receivers_of_a_signal() -> None:
    def receive(**_: Any) -> None:
        with soft_limit_strikes():
            signal.pause()

    told = Signal()
    told.connect(receive)

    with pytest.raises(SoftTimeLimitExceeded):
        tell(told)


class Nothing(Action):
    def execute(self, operation: BatchOperation) -> None:
        pass
