"""Signed evidence is verified; one changed byte, or a row pending since, is found."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.documents import DOCS
from tests.support.project import Project

MODELS = """
from token_rotation.models import RotatingToken

class Device(RotatingToken):
    pass
"""
KEYS = """
TOKEN_ROTATION_EVIDENCE_SIGNING_KEY = "evidence.pem"
TOKEN_ROTATION_EVIDENCE_PUBLIC_KEY = "evidence.pub"
"""
VERIFY = ("verify_evidence", "evidence.json")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the keys")
def test_it_is_signed_and_verified_and_each_change_is_found(
    tmp_path: Path, make_database: Callable[..., str], connect: Callable[[str], Any]
) -> None:
    project = Project(tmp_path, make_database("zero"))
    project.models(MODELS)
    project.run_each("makemigrations shop", "migrate --verbosity 0")
    project.shell("from shop.models import Device; Device.objects.create()")
    devices = connect(project._database_url).cursor()
    devices.execute("UPDATE shop_device SET token_rotated_at = NULL")
    with (tmp_path / "settings.py").open("a") as settings:
        settings.write(KEYS)
    none = project.run("rotate_tokens", "--evidence", "evidence.json", fails_with=1)
    assert "the private key evidence.pem cannot be read" in none
    devices.execute("SELECT count(*) FROM shop_device WHERE token_rotated_at IS NULL")
    assert devices.fetchone() == (1,)

    commands = [
        line.removeprefix("$ ")
        for line in (DOCS / "how-to" / "prove.md").read_text().splitlines()
        if line.startswith("$ openssl ")
    ]
    for command in commands:
        subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    project.run("rotate_tokens", "--evidence", "evidence.json")
    said = project.run(*VERIFY)
    assert "evidence.json: signed by the key " in said
    assert "shop.Device: complete, as the evidence of" in said

    devices.execute("UPDATE shop_device SET token_rotated_at = NULL")
    assert "1 row is pending now, 0 then" in project.run(*VERIFY, fails_with=3)

    evidence = tmp_path / "evidence.json"
    text = evidence.read_text()
    place = len(text) // 2
    other = "A" if text[place] != "A" else "B"
    evidence.write_text(text[:place] + other + text[place + 1 :])
    assert "its signature does not fit" in project.run(*VERIFY, fails_with=1)
