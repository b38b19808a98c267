"""A broker that cannot be used is one line without its password."""

from typing import Any

import pytest
from celery import Celery

from tests.projects.worker_actions import unreachable
from token_rotation.operations.errors import UnavailableError
from token_rotation.operations.queue.broker import ensure_broker


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
