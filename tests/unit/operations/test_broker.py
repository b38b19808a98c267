"""A broker that cannot be used is one line without its password."""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from celery import Celery

from tests.projects.worker_actions import unreachable
from token_rotation.operations.errors import UnavailableError
from token_rotation.operations.queue import celery_backend
from token_rotation.operations.queue.broker import ensure_broker, ensure_worker, messages_in


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("nonsense://:secret@host/0", "the URL of the Celery broker cannot be used (KeyError)"),
        ("redis://:no/secret@host/0", "the URL of the Celery broker cannot be used (ValueError)"),
        ("redis://:secret@127.0.0.1:1/0", "the Celery broker redis://:**@127.0.0.1:1/0 cannot be"),
    ],
)
def test_the_reason_is_one_line_without_the_password(
    url: str, wanted: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = Celery("unusable", broker=url, set_as_current=False)
    app.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    monkeypatch.setattr(unreachable, "app", app)
    settings.OPERATIONS_CELERY_APP = "tests.projects.worker_actions.unreachable.app"

    with pytest.raises(UnavailableError) as raised:
        ensure_broker()

    assert str(raised.value).startswith(wanted)
    assert "\n" not in str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.fixture
def silent_url() -> Iterator[str]:
    """The URL of a server that accepts connections and never says a word, as a frozen one does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


@pytest.mark.parametrize("ask", [ensure_broker, ensure_worker, lambda: messages_in("a queue")])
def test_a_frozen_broker_is_given_up_also_where_the_project_sets_no_bound(
    ask: Callable[[], object],
    silent_url: str,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert celery_backend.REDIS_BOUNDS["socket_timeout"] == 10
    monkeypatch.setitem(celery_backend.REDIS_BOUNDS, "socket_timeout", 0.1)
    app = Celery("frozen", broker=silent_url, set_as_current=False)
    monkeypatch.setattr(unreachable, "app", app)
    settings.OPERATIONS_CELERY_APP = "tests.projects.worker_actions.unreachable.app"

    asking = ThreadPoolExecutor(1).submit(ask)

    error = asking.exception(timeout=60)
    assert isinstance(error, UnavailableError)
    assert "Timeout" in str(error)
