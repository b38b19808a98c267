"""The public face is what __all__ names: all of it can be imported, and nothing is in its way."""

import ast
import pkgutil
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import token_rotation
from tests.support.manage import PROJECT

PACKAGE = "token_rotation"
PUBLIC = (
    *("command_line", "intake", "jobs", "metrics", "models", "operations", "postgres", "schema"),
    "streaming",
)
WITH_ALL = (PACKAGE, *(f"{PACKAGE}.{name}" for name in PUBLIC))
WITHOUT_ALL = {
    f"{PACKAGE}.admin": {"RotatingAdmin"},
    f"{PACKAGE}.intake.urls": {"app_name", "urlpatterns"},
    f"{PACKAGE}.page.urls": {"app_name", "urlpatterns"},
}
LAZY = (PACKAGE, f"{PACKAGE}.intake", f"{PACKAGE}.jobs", f"{PACKAGE}.operations")
ROOT_MODULES = {each.name for each in pkgutil.iter_modules(token_rotation.__path__)}

IMPORTS_NOTHING = """
import sys
import token_rotation
unwanted = {"django", "psycopg", "psycopg2"}
heavy = sorted(name for name in sys.modules if name.partition(".")[0] in unwanted)
assert not heavy, heavy
assert token_rotation.hexadecimal(32).length == 32
"""
EVERY_NAME_OF_A_PROJECT = """
import token_rotation
from django.conf import settings
settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "pgtrigger",
        "token_rotation",
        "token_rotation.operations",
    ],
)
import django
django.setup()
names = {}
exec("from token_rotation import *", names)
assert names.keys() - {"__builtins__"} == set(token_rotation.__all__)
# Importing everything must not put a module in the place of a name.
from importlib import import_module
from pathlib import Path
for path in Path(token_rotation.__path__[0]).glob("*"):
    if path.suffix == ".py" or path.joinpath("__init__.py").exists():
        if path.stem not in {"__init__", "admin", "page", "metrics"}:
            import_module(f"token_rotation.{path.stem}")
again = {name: getattr(token_rotation, name) for name in token_rotation.__all__}
assert all(again[name] is names[name] for name in again)
"""


def python(code: str) -> subprocess.CompletedProcess[str]:
    """In a new process of somebody who has set nothing."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env={"PATH": "", "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("name", WITH_ALL)
def test_every_public_name_can_be_imported(name: str) -> None:
    module = import_module(name)
    assert len(set(module.__all__)) == len(module.__all__)
    for each in module.__all__:
        assert getattr(module, each) is not None
        assert not each.startswith("_")


@pytest.mark.parametrize("name", WITHOUT_ALL)
def test_a_public_module_without_a_list_has_its_names(name: str) -> None:
    module = import_module(name)
    assert all(hasattr(module, each) for each in WITHOUT_ALL[name])


def test_every_error_of_ours_can_be_caught_as_one() -> None:
    errors = import_module(f"{PACKAGE}.errors")
    own = [each for name, each in vars(errors).items() if not name.startswith("_")]
    classes = [each for each in own if isinstance(each, type)]
    assert classes
    assert all(issubclass(each, errors.RotationError) for each in classes)


@pytest.mark.parametrize("name", LAZY)
def test_what_a_type_checker_sees_is_what_is_there(name: str) -> None:
    path = import_module(name).__file__
    assert path is not None
    tree = ast.parse(Path(path).read_text())
    declared = {
        alias.asname or alias.name
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert declared == set(import_module(name).__all__)


@pytest.mark.parametrize("name", LAZY)
def test_no_other_name_is_answered(name: str) -> None:
    module = import_module(name)
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        _ = module.no_such_name
    root = {each.name for each in pkgutil.iter_modules(module.__path__)}
    shown = {each for each in vars(module) if not each.startswith("_")}
    assert shown - root - set(module.__all__) <= {"TYPE_CHECKING", "public_names"}


def test_no_module_of_the_root_bears_the_name_of_a_public_function() -> None:
    assert not ROOT_MODULES & set(token_rotation.__all__)


def test_the_docstring_names_the_public_modules() -> None:
    said = re.findall(r"``(?:token_rotation)?\.(\w+)``", token_rotation.__doc__ or "")
    tested = {*WITH_ALL[1:], *WITHOUT_ALL, f"{PACKAGE}.errors"}
    assert {each.removeprefix(f"{PACKAGE}.").partition(".")[0] for each in tested} == set(said)


@pytest.mark.parametrize(
    "code", [IMPORTS_NOTHING, EVERY_NAME_OF_A_PROJECT], ids=["bare", "project"]
)
def test_in_a_new_process(code: str) -> None:
    done = python(code)
    assert done.returncode == 0, done.stderr
