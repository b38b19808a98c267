"""An adopter's type checker knows the public face of the wheel that pip has installed."""

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import token_rotation
from tests.support.wheel import build_wheel

ADOPTER = """
from typing import assert_type

from django.db import models
from token_rotation import (
    PendingIndex, RotatedAtField, TokenFormat, guard, hexadecimal, is_retired, rotate_rows,
)
from token_rotation.models import RotatingToken
from token_rotation.schema import EnsureRotated

TOKEN = hexadecimal(32, prefix="tk_")
assert_type(TOKEN, TokenFormat)
assert_type(TOKEN.length, int)
assert_type(is_retired("tk_"), bool)


class Link(RotatingToken):
    class Meta(RotatingToken.Meta):
        pass


class Key(models.Model):
    token: models.CharField[str, str] = models.CharField(max_length=TOKEN.length)
    token_rotated_at = RotatedAtField()

    class Meta:
        indexes = [PendingIndex()]
        triggers = guard(fresh_token=TOKEN)


def rotate() -> int:
    return rotate_rows(Link.objects.all())


EnsureRotated("shop.Link")
hexadecimal("32")  # type: ignore[arg-type]
rotate_rows(Link)  # type: ignore[arg-type]
from token_rotation import nonsense  # type: ignore[attr-defined]
from token_rotation.operations import rubbish  # type: ignore[attr-defined]
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, and with mypy and the wheel's requirements of this one."""
    directory = tmp_path_factory.mktemp("types")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", directory], check=True)
    python = directory / "bin" / "python"
    (site_packages,) = directory.glob("lib/python*/site-packages")
    (site_packages / "tools.pth").write_text(sysconfig.get_path("purelib"))
    install = ("install", "--quiet", "--no-index", "--no-deps", build_wheel(directory))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    subprocess.run([*pip, *install], check=True)
    return python


def mypy(python: Path, directory: Path, text: str) -> str:
    """What mypy says of a module of somebody's project."""
    (directory / "adopter.py").write_text(text)
    done = subprocess.run(
        [python, "-m", "mypy", "--strict", "--config-file=", "--no-error-summary", "adopter.py"],
        cwd=directory,
        env={name: value for name, value in os.environ.items() if name != "MYPYPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout


def test_a_module_that_uses_the_public_face_is_checked_and_every_name_has_a_type(
    python: Path, tmp_path: Path
) -> None:
    names = sorted(token_rotation.__all__)
    revealed = "".join(f"reveal_type({name})\n" for name in names)
    text = f"{ADOPTER}\nfrom token_rotation import {', '.join(names)}\n{revealed}"
    said = mypy(python, tmp_path, text)
    assert "error:" not in said, said
    types = re.findall(r'Revealed type is "(.*)"', said)
    assert len(types) == len(names), said
    unknown = [name for name, kind in zip(names, types, strict=True) if kind == "Any"]
    assert unknown == []
