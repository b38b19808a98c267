"""The page of public names has each name that a public module exports, and no other."""

import re
from importlib import import_module
from types import ModuleType

import pytest

from tests.support.documents import DOCS

TEXT = (DOCS / "reference" / "public-names.md").read_text()
SECTIONS = dict(re.findall(r"^## `([\w.]+)`\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))


def exported(module: ModuleType) -> set[str]:
    """What ``__all__`` names; without it, the classes that are defined there."""
    if hasattr(module, "__all__"):
        return set(module.__all__)
    return {
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == module.__name__
    }


@pytest.mark.parametrize("name", SECTIONS)
def test_every_public_name_is_listed_and_no_other(name: str) -> None:
    rows = re.findall(r"^- (`.+?):", SECTIONS[name].replace("\n  ", " "), re.MULTILINE)
    listed = {found for row in rows for found in re.findall(r"`(\w+)`", row)}
    module = import_module(name)
    expected = {"RotatingAdmin"} if name == "token_rotation.admin" else exported(module)
    assert listed == expected
    assert all(hasattr(module, each) for each in listed)


def test_every_public_module_has_a_section() -> None:
    said = import_module("token_rotation").__doc__ or ""
    public = set(re.findall(r"``(?:token_rotation)?(\.\w+)``", said)) - {".page"}
    assert {name.removeprefix("token_rotation") for name in SECTIONS} == {"", *public}
