"""A security team reads what happened to the tokens, one JSON line each, and no token."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.project import Project

MODELS = """
from token_rotation import guard, keep_retired
from token_rotation.models import RotatingToken

class Device(RotatingToken):
    class Meta(RotatingToken.Meta):
        triggers = [*guard(), *keep_retired()]
"""
LOGGING = """
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "token_rotation.SecurityJson"}},
    "handlers": {"security": {
        "class": "logging.FileHandler", "filename": "security.jsonl", "formatter": "json",
    }},
    "loggers": {"token_rotation.security": {
        "handlers": ["security"], "level": "INFO", "propagate": False,
    }},
}
"""
LEAKED = """
import pathlib, pgtrigger
from shop.models import Device
with pgtrigger.ignore("shop.Device:guard_insert"):
    pathlib.Path("leaked").write_text(str(Device.objects.create(token=%r).token))
"""
USED = """
import uuid
from django.db import transaction
from shop.models import Device
from token_rotation import recognise
assert recognise(%r)
device = Device.objects.get()
device.rotate_token()
device.token = uuid.uuid4()
device.save()
with transaction.atomic():
    device.rotate_token()
    transaction.set_rollback(True)
"""
TOKEN = "9f8e7d6c-5b4a-4321-8765-43210fedcba9"


def test_rotation_revocation_use_and_a_disabled_guard_are_told(
    tmp_path: Path, make_database: Callable[..., str], connect: Callable[[str], Any]
) -> None:
    project = Project(tmp_path, make_database("zero"))
    with (tmp_path / "settings.py").open("a") as settings:
        settings.write(LOGGING)
    project.models(MODELS)
    project.run_each("makemigrations shop", "migrate --verbosity 0")
    project.shell(LEAKED % TOKEN)
    project.run("rotate_tokens")
    project.shell(USED % TOKEN)
    project.run("pgtrigger", "disable", "shop.Device:guard_update")
    project.run("check", "--database", "default", fails_with=1)

    text = (tmp_path / "security.jsonl").read_text()
    told = [json.loads(line) for line in text.splitlines()]
    assert [each["event"] for each in told] == [
        "token_rotation_begun",
        "token_rotation_ended",
        "authn_token_reuse",
        "authn_token_revoked",
        "authn_token_revoked",
        "sys_monitor_disabled",
    ]
    begun, ended, used, revoked, saved, disabled = told
    assert (begun["target"], begun["database"], begun["pending_rows"]) == (
        "shop.Device",
        "default",
        1,
    )
    assert (ended["outcome"], ended["rotated_rows"]) == ("complete", 1)
    assert (used["level"], used["source"]) == ("CRITICAL", "shop_device.token")
    assert revoked["rows"] == saved["rows"] == 1
    assert disabled["check"] == "token_rotation.E004"
    with connect(project._database_url).cursor() as cursor:
        cursor.execute("SELECT token::text FROM shop_device")
        assert not any(token in text for (token,) in [*cursor.fetchall(), (TOKEN,)])
