"""Multi-table inheritance: what derives from the token may lie in another table."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.project import Project

IMPORTS = """
from django.contrib.postgres.functions import RandomUUID
from token_rotation import PendingIndex, RotatedAtField, guard
"""
FIELDS = """
import hashlib

def digest(token):
    return hashlib.sha256(str(token).encode()).hexdigest()

class Digest(models.CharField):
    def pre_save(self, instance, add):
        value = digest(instance.token) if hasattr(instance, "token") else ""
        setattr(instance, self.attname, value)
        return value
"""
TOKEN = """
    token = models.UUIDField(default=uuid.uuid4, unique=True)
"""
GUARDED = """
    token = models.UUIDField(unique=True, db_default=RandomUUID())
    token_rotated_at = RotatedAtField()

    class Meta:
        indexes = [PendingIndex()]
        triggers = guard(derived=DERIVED)
"""
CHILD = """
class Base(models.Model):
    subject = models.CharField(max_length=20, default="x")
TOKEN

class Child(Base):
    look = Digest(max_length=64, default="")
"""
PARENT = """
class Above(models.Model):
    look = Digest(max_length=64, default="")

class Base(Above):
    subject = models.CharField(max_length=20, default="x")
TOKEN

class Child(Base):
    note = models.CharField(max_length=20, default="x")
"""
MAKE = """
import pathlib
from shop.models import Child
tokens = [str(Child.objects.create().token) for _ in range(8)]
pathlib.Path("leaked").write_text("".join(f"{token}\\n" for token in tokens))
"""
LOOK_UP = """
import pathlib
from shop.models import Child, digest
leaked = pathlib.Path("leaked").read_text().split()
print("leaked", sum(Child.objects.filter(look=digest(token)).exists() for token in leaked))
"""


@pytest.mark.parametrize(
    ("models", "label", "table"),
    [(CHILD, "shop.Child.look", "shop_child"), (PARENT, "shop.Above.look", "shop_above")],
    ids=["of a child", "of a parent"],
)
def test_a_digest_in_another_table_is_refused_by_its_field_and_by_its_rows(
    tmp_path: Path, make_database: Callable[..., Any], models: str, label: str, table: str
) -> None:
    project = Project(tmp_path, make_database("zero"))
    project.models(FIELDS + models.replace("TOKEN", TOKEN))
    project.run_each("makemigrations", "migrate --verbosity 0")
    project.shell(MAKE)
    guarded = IMPORTS + FIELDS + models.replace("TOKEN", GUARDED)

    project.models(guarded.replace("DERIVED", "None"))
    for command in (["check"], ["rotate_tokens"], ["verify_tokens", "leaked"]):
        said = project.run(*command, fails_with=1)
        assert "token_rotation.E046" in said
        assert f"derived={{'{label}': None}}" in said
    assert project.shell(LOOK_UP) == ["leaked 8"]

    project.models(guarded.replace("DERIVED", f"{{'{label}': None}}"))
    said = project.run_each(
        "makemigrations", "migrate --verbosity 0", "check", "rotate_tokens", fails_with=1
    )
    assert "token_rotation.E046" not in said
    assert f"{table}.look holds the sha256 of the token in hexadecimal in 8 of 8 rows" in said
    assert "the guard of shop_base writes no other table" in said
    assert project.shell(LOOK_UP) == ["leaked 8"]
