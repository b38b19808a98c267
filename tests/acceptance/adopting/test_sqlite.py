"""An application's own tests on SQLite: no guard is there, one line says so, and all else works."""

from pathlib import Path

import pytest

from tests.support.authtoken import MODELS as TOKENS_AS_KEYS
from tests.support.project import Project

POSTGRES = "postgresql://nobody@/nothing?host=/nowhere"
SQLITE = """
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "tests.sqlite3"}}
"""
BEFORE = """
class Key(models.Model):
    secret = models.CharField(max_length=64, unique=True)
    owner = models.CharField(max_length=20)
"""
ADOPTED = """
from token_rotation import PendingIndex, RotatedAtField, guard, token_default, urlsafe
from token_rotation.models import RotatingToken

KEY = urlsafe(prefix="tk_")

class Key(models.Model):
    secret = models.CharField(max_length=64, unique=True, db_default=token_default(KEY))
    owner = models.CharField(max_length=20)
    token_rotated_at = RotatedAtField()

    class Meta:
        indexes = [PendingIndex()]
        triggers = guard("secret", "token_rotated_at", KEY)

class Ticket(RotatingToken):
    subject = models.CharField(max_length=20)
"""
SAID = "the database 'default' is sqlite: no token is guarded or rotated there."
MODELS_WORK = """
import re
from django.core.exceptions import ImproperlyConfigured
from shop.models import Key, Ticket
from token_rotation import rotate_token

keys = [Key.objects.create(owner="a") for _ in range(3)]
Key.objects.bulk_create([Key(owner="b"), Key(owner="b")])
secrets = list(Key.objects.order_by("pk").values_list("secret", flat=True))
assert len(set(secrets)) == 5, secrets
assert all(re.fullmatch("tk_[A-Za-z0-9_-]{43}", secret) for secret in secrets), secrets
assert [key.secret for key in keys] == secrets[:3]
tokens = [Ticket.objects.create(subject="s").token for _ in range(3)]
assert len({token.hex for token in tokens}) == 3

chosen = Key.objects.create(owner="c", secret="fixed")
assert Key.objects.get(secret="fixed") == chosen
chosen.secret = "changed"
chosen.save()
assert Key.objects.get(pk=chosen.pk).secret == chosen.secret == "changed"
chosen.owner = "d"
chosen.save()
Key.objects.filter(pk=chosen.pk).update(secret="updated")
chosen.refresh_from_db()
assert (chosen.secret, chosen.owner) == ("updated", "d")
try:
    rotate_token(chosen)
except ImproperlyConfigured as error:
    assert "on PostgreSQL alone" in str(error)
    assert Key.objects.get(pk=chosen.pk).secret == "updated"
else:
    raise AssertionError("nothing was rotated, and nothing said so")
print("models work")
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path, POSTGRES)
    with (tmp_path / "settings.py").open("a") as settings:
        settings.write(SQLITE)
    return project


def test_migrations_models_and_checks_work_and_say_once_that_nothing_is_guarded(
    project: Project,
) -> None:
    project.models(BEFORE)
    project.run_each("makemigrations shop", "migrate --verbosity 0")
    project.models(ADOPTED)
    project.run("makemigrations", "shop")
    assert project.run("migrate", "--verbosity", "0").count(SAID) == 1
    assert project.run("check", "--database", "default").count(SAID) == 1
    assert project.run("makemigrations", "--check") == "No changes detected\n"
    assert project.run("shell", "--verbosity", "0", "--command", MODELS_WORK) == "models work\n"
    project.run("migrate", "shop", "zero", "--verbosity", "0")


def test_an_applications_tests_run_there(project: Project, tmp_path: Path) -> None:
    project.models(ADOPTED)
    project.run("makemigrations", "shop")
    (tmp_path / "shop" / "tests.py").write_text(
        "from django.test import TestCase\n"
        "from shop.models import Key\n"
        "class KeyTests(TestCase):\n"
        "    def test_each_has_a_secret_of_its_own(self):\n"
        "        first, second = Key.objects.create(), Key.objects.create()\n"
        "        self.assertNotEqual(first.secret, second.secret)\n"
    )
    said = project.run("test", "shop")
    assert said.count(SAID) == 1
    assert "OK" in said


@pytest.mark.parametrize("command", ["rotate_tokens", "rotate_tokens --report", "clean_up_tokens"])
def test_commands_refuse_the_database_in_one_line(project: Project, command: str) -> None:
    project.models(ADOPTED)
    said = project.run(*command.split(), fails_with=1)
    assert "the database 'default' is sqlite, not PostgreSQL" in said.splitlines()[-1]


DRF_WORKS = """
from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token
token = Token.objects.create(user=User.objects.get_or_create(username="ann")[0])
token.save()
assert Token.objects.get().key == token.key
token.delete()
print("tokens work")
"""


def test_tokens_that_are_primary_keys_work_there(tmp_path: Path) -> None:
    apps = ("rest_framework", "rest_framework.authtoken")
    project = Project(tmp_path, POSTGRES, apps=apps)
    with (tmp_path / "settings.py").open("a") as settings:
        settings.write(SQLITE)
    project.models(TOKENS_AS_KEYS)
    project.run_each("makemigrations shop", "migrate --verbosity 0", "makemigrations --check")
    assert project.run("shell", "--verbosity", "0", "--command", DRF_WORKS) == "tokens work\n"
    project.models("")
    project.run_each("makemigrations shop", "migrate --verbosity 0", "makemigrations --check")
    assert project.run("shell", "--verbosity", "0", "--command", DRF_WORKS) == "tokens work\n"
    project.run("migrate", "shop", "zero", "--verbosity", "0")
