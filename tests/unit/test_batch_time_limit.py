"""Celery's soft time limit goes through what waits for others, whatever errors are caught there."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from typing import Any

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from celery import Celery
from django.dispatch import Signal

from tests.batch_actions import unreachable
from tickets.batch.action import Action
from tickets.batch.action_group import ActionGroup
from tickets.batch.alerts import mail, tell
from tickets.batch.dispatch import ensure_broker, send
from tickets.batch.models import BatchOperation


@contextmanager
def soft_limit_strikes() -> Iterator[None]:
    """As in a pool process: by a signal, in the middle of what the main thread waits for."""

    def strike(*_: Any) -> None:
        raise SoftTimeLimitExceeded

    before = signal.signal(signal.SIGUSR1, strike)
    timer = Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1))
    timer.start()
    try:
        yield
        timer.join()
    finally:
        timer.cancel()
        timer.join()
        signal.signal(signal.SIGUSR1, before)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def silent_broker(silent_port: int, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    app = Celery("silent", broker=f"redis://127.0.0.1:{silent_port}/0", set_as_current=False)
    monkeypatch.setattr(unreachable, "app", app)
    settings.BATCH_CELERY_APP = "tests.batch_actions.unreachable.app"


# smtplib leaves the socket to be collected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_it_goes_through_a_mail_that_is_sent(silent_port: int, settings: Any) -> None:
    settings.ADMINS = [("", "on-call@example.com")]
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", silent_port

    with pytest.raises(SoftTimeLimitExceeded), soft_limit_strikes():
        mail("subject", "message")


def test_it_goes_through_a_broker_that_is_asked(silent_broker: None) -> None:
    with pytest.raises(SoftTimeLimitExceeded), soft_limit_strikes():
        ensure_broker()


def test_it_goes_through_a_task_that_is_sent(silent_broker: None) -> None:
    operation = BatchOperation(pk=1, operation_type="any")

    with pytest.raises(SoftTimeLimitExceeded), soft_limit_strikes():
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
