"""A new project follows the pages to the letter, and then survives what the tickets survive.

It installs the wheel in an empty environment, and has a package ``tickets`` of its own and apps
with the labels ``batch`` and ``rotation``.
"""

import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import token_rotation
from tests.support.leaked import value
from tests.support.newcomer import ADOPT, TUTORIAL, Newcomer
from tests.support.wheel import build_wheel

NEIGHBOURS = {"tickets": "Ticket", "batch": "BatchOperation", "rotation": "RetiredToken"}
NEIGHBOUR = """
from django.db import models


class {model}(models.Model):
    token = models.CharField(max_length=20, default="mine")
"""
INSTALLED = """
import importlib.metadata, pathlib, token_rotation
print(importlib.metadata.version("django-token-rotation"))
print(pathlib.Path(token_rotation.__file__).parents[1].name)
"""
LEAK_AGAIN = """
UPDATE keys_apikey SET token_rotated_at = NULL;
CREATE TABLE leaked AS SELECT id, token FROM keys_apikey;
CREATE TABLE token_change (id uuid);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO token_change VALUES (NEW.id); RETURN NULL; END $$;
CREATE TRIGGER note AFTER UPDATE ON keys_apikey FOR EACH ROW
WHEN (OLD.token IS DISTINCT FROM NEW.token) EXECUTE FUNCTION note();
"""
STALE_SAVE = """
from django.core.management import call_command
stale = ApiKey.objects.order_by("id").first()
leaked, stale.owner = stale.token, "somebody else"
call_command("rotate_tokens", verbosity=0)
stale.save()
stored = ApiKey.objects.get(pk=stale.pk)
print(stored.owner, stored.token == leaked, stored.token_rotated_at is None)
born = ApiKey.objects.create(owner="new")
print(ApiKey.objects.get(token=born.token).owner)
"""


def test_the_pages_import_the_public_face_alone() -> None:
    public = re.findall(r"``(?:token_rotation)?(\.\w+)``", token_rotation.__doc__ or "")
    assert len(public) > 5
    pages = "".join(page.read_text() for page in ADOPT.parent.glob("*.md"))
    imported = re.findall(r"from token_rotation(\S*) import", pages)
    assert imported
    assert set(imported) <= {"", *public}


def test_a_new_project_adopts_it_by_the_page_alone_and_withstands_stale_saves_and_kills(
    tmp_path: Path, make_database: Callable[..., str], connect: Callable[[str], Any]
) -> None:
    database = make_database("zero")
    tables = connect(database)
    (tmp_path / "shop").mkdir()
    newcomer = Newcomer(tmp_path / "shop", database, installs=build_wheel(tmp_path))
    newcomer.follow(TUTORIAL.read_text())
    add_neighbours(newcomer)
    newcomer.follow(ADOPT.read_text())
    count = "SELECT count(*) FROM keys_apikey WHERE token_rotated_at IS NULL"
    assert value(tables, count) == 0
    installed = newcomer.type(f"pip check >&2; python -c '{INSTALLED}'")
    assert installed.splitlines() == [token_rotation.__version__, "site-packages"]
    for app, model in NEIGHBOURS.items():
        assert value(tables, f"SELECT token FROM {app}_{model.lower()}") == "mine"

    with tables.cursor() as cursor:
        cursor.execute(LEAK_AGAIN)
    process = newcomer.start(
        "python manage.py rotate_tokens --progress json --batch-rows 50 --pause-seconds 0.1"
    )
    assert process.stdout is not None
    for _ in range(3):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert 0 < value(tables, count) < 2000
    newcomer.type("python manage.py rotate_tokens")
    assert value(tables, count) == 0
    assert value(tables, "SELECT count(*) FROM token_change") == 2000
    assert value(tables, "SELECT count(DISTINCT id) FROM token_change") == 2000
    assert value(tables, "SELECT count(*) FROM keys_apikey JOIN leaked USING (token)") == 0

    with tables.cursor() as cursor:
        cursor.execute("UPDATE keys_apikey SET token_rotated_at = NULL")
    said = newcomer.type(f"python manage.py shell --verbosity 0 -c '{STALE_SAVE}'")
    assert said.splitlines()[-2:] == ["somebody else False False", "new"]
    shape = "SELECT count(*) FROM keys_apikey WHERE token ~ '^tk_[0-9a-f]{32}$'"
    assert value(tables, shape) == 2001
    said = newcomer.type("python manage.py rotate_tokens --report")
    assert not [app for app in NEIGHBOURS if f"{app}." in said]


def add_neighbours(newcomer: Newcomer) -> None:
    """Apps of the project's own, with the names that the library's apps once had."""
    for app, model in NEIGHBOURS.items():
        newcomer.type(f"python manage.py startapp {app}")  # refuses the name of a known module
        newcomer.write(f"{app}/models.py", NEIGHBOUR.format(model=model))
    newcomer.write("shop/settings.py", f"INSTALLED_APPS += {list(NEIGHBOURS)}", at_its_end=True)
    create = "; ".join(f"{model}.objects.create()" for model in NEIGHBOURS.values())
    newcomer.type(
        "python manage.py makemigrations && python manage.py migrate"
        f" && python manage.py shell -c '{create}'"
    )
