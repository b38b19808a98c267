"""A stranger declares tokens that can be found: rotated, they are well-formed, and noise is not."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.project import Project

BEFORE = """
class Device(models.Model):
    secret = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=20, default="x")
"""
FINDABLE = """
from token_rotation import PendingIndex, RotatedAtField, guard, prefixed, token_default
from token_rotation.models import RotatingToken

SECRET = prefixed("tkt_")

class Device(models.Model):
    secret = models.CharField(max_length=64, unique=True, db_default=token_default(SECRET))
    name = models.CharField(max_length=20, default="x")
    token_rotated_at = RotatedAtField()

    class Meta:
        indexes = [PendingIndex()]
        triggers = guard("secret", fresh_token=SECRET)
"""
PLAIN = """
class Plain(RotatingToken):
    pass
"""
LEAKED = "from shop.models import Device; Device.objects.create(secret='leaked')"
INSERTED = "from shop.models import Device; print(Device.objects.create(secret='mine').secret)"
CHANGED = """
CREATE OR REPLACE FUNCTION token_rotation_with_checksum(random text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT AS $$ BEGIN RETURN random || '000000'; END $$
"""
DEPENDS = "('token_rotation', '0005_with_checksum')"


@pytest.fixture
def project(tmp_path: Path, make_database: Callable[..., str]) -> Project:
    return Project(tmp_path, make_database())


def test_declared_migrated_inserted_and_rotated_tokens_are_well_formed(
    project: Project, connect: Callable[[str], Any], tmp_path: Path
) -> None:
    project.models(BEFORE)
    project.run_each("makemigrations shop", "migrate --verbosity 0")
    project.shell(LEAKED)
    project.models(FINDABLE)
    project.run_each("makemigrations shop", "migrate --verbosity 0")
    assert any(DEPENDS in text for text in project.written().values())
    project.run("makemigrations", "--check")
    (inserted,) = project.shell(INSERTED)
    project.run_each("rotate_tokens", "check --database default")
    with connect(project._database_url).cursor() as cursor:
        cursor.execute("SELECT secret FROM shop_device")
        tokens = [token for (token,) in cursor.fetchall()]
    assert len(tokens) == 2
    assert inserted in tokens

    listed = tmp_path / "found.txt"
    listed.write_text("\n".join(tokens))
    said = project.run("token_patterns", "--check", str(listed))
    assert said == "2 lines: a token with the right checksum: 1, 2\n"

    said = project.run("token_patterns", "--check", "-", answers=f"see {tokens[0]}!\n")
    assert said == "1 line: a token with the right checksum: 1\n"

    listed.write_text(f"{tokens[0]}\nleaked\n{tokens[1].swapcase().replace('TKT_', 'tkt_')}\n")
    said = project.run("token_patterns", "--check", str(listed), fails_with=3)
    assert "1 line: a token with the right checksum: 1" in said
    assert "1 line: like a token, but the checksum is wrong: 3" in said
    assert "1 line: no token of a declared format with a prefix: 2" in said
    assert "tkt_" not in said.replace("prefixed", "")


def test_a_changed_function_is_told_and_mended_as_the_check_says(
    project: Project, connect: Callable[[str], Any]
) -> None:
    project.models(FINDABLE)
    project.run_each("makemigrations shop", "migrate --verbosity 0")
    with connect(project._database_url).cursor() as cursor:
        cursor.execute(CHANGED)
    said = project.run("check", "--database", "default", fails_with=1)
    assert "token_rotation.E030" in said
    assert "the function token_rotation_with_checksum differs" in said
    back, again = re.findall(r"python manage\.py (migrate token_rotation(?: \d+)?)", said)[:2]
    project.run_each(back, again, "check --database default")
    assert "would take back" in project.run("migrate", "token_rotation", "0004", fails_with=1)


def test_a_token_that_no_scanner_can_know_has_no_rule(project: Project) -> None:
    project.models(FINDABLE + PLAIN)
    said = project.attempt("token_patterns", "--format", "gitleaks")
    assert said.returncode == 3
    (rule,) = tomllib.loads(said.stdout)["rules"]
    assert rule["id"] == "shop-device"
    assert "shop.Plain: scanners cannot know its tokens" in said.stderr
    assert "shop.Device" not in said.stderr
    said = project.attempt("token_patterns", "shop.Plain")
    assert (said.returncode, said.stdout) == (3, "")
    missing = project.run("token_patterns", "--check", "no-such-file", fails_with=1)
    assert "cannot be read: No such file" in missing
