"""The job Shout over another collection."""

import io
from typing import Any

import pytest
from django.core.management import call_command


def shout(collection: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run it, seven items a batch; return what the command said."""
    from tests.projects.worker_actions.jobs import Shout  # noqa: PLC0415  (after Django was set up)

    monkeypatch.setattr(Shout, "collection", lambda _: collection)
    monkeypatch.setattr(Shout, "batch_items", 7)
    out = io.StringIO()
    call_command("run_job", "Shout", stdout=out, stderr=out)
    return out.getvalue()
