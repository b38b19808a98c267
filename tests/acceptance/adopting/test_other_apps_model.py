"""A secret column of a package's model rotates, guarded from the migrations of one's own app."""

from pathlib import Path
from typing import Any

from tests.support.documents import DOCS, commands, python_blocks
from tests.support.leaked import value
from tests.support.project import Project

REMOVE = DOCS / "adopt" / "remove.md"
(MODELS,) = python_blocks(DOCS / "adopt" / "third-party-models.md")
LEAKED = """
INSERT INTO auth_user (username, password, is_superuser, first_name, last_name, email, is_staff,
    is_active, date_joined) VALUES ('ann', '', false, '', '', '', false, true, now());
INSERT INTO django_rest_passwordreset_resetpasswordtoken (created_at, key, user_id, user_agent)
SELECT now(), 'leaked' || n, (SELECT id FROM auth_user), '' FROM generate_series(1, 500) AS n;
"""
TABLE = "django_rest_passwordreset_resetpasswordtoken"
PACKAGE_AT_WORK = """
from token_rotation import rotate_token
from token_rotation.errors import TokenUpdateError
from django_rest_passwordreset.models import ResetPasswordToken as Token
from django.contrib.auth.models import User
ann = User.objects.get()
new = Token.objects.create(user=ann)
print("stored", Token.objects.get(pk=new.pk).key == new.key, len(new.key))
old = Token.objects.get(pk=1)
old.key, old.user_agent = "leaked1", "stale"
old.save()
old = Token.objects.get(pk=1)
print("stale", old.key == "leaked1", old.user_agent)
many = Token.objects.bulk_create([Token(user=ann, key="leaked2"), Token(user=ann, key="leaked3")])
print("bulk", Token.objects.filter(key__in=[each.key for each in many]).count())
def stored(row): return Token.objects.get(pk=row.pk).key == row.key
sent = Token.generate_key()
old.key = sent
old.save()
print("wish", stored(old), old.key == sent, len(old.key))
fresh = old.key
rotate_token(old)
print("rotated", stored(old), old.key == fresh)
try:
    Token.objects.filter(pk=1).update(key=sent)
except TokenUpdateError as error:
    print("update", sent in str(error), stored(old))
"""


def test_a_packages_secrets_are_rotated_and_its_code_goes_on_with_what_is_stored(
    tmp_path: Path, database: str, tables: Any
) -> None:
    apps = ("rest_framework", "django_rest_passwordreset")
    project = Project(tmp_path, database, apps=apps)
    project.models("")
    project.run("migrate", "--verbosity", "0")
    with tables.cursor() as cursor:
        cursor.execute(LEAKED)

    project.models(MODELS)
    said = project.run_each(
        "makemigrations shop",
        "makemigrations --check",
        "migrate --verbosity 0",
        "check --database default --fail-level WARNING",
        "rotate_tokens --where key=leaked1",
        fails_with=1,
    )
    assert "No changes detected" in said
    assert "key is a token" in said
    names = list(project.written())
    assert len(names) == 3, names
    assert "500 tokens rotated" in project.run("rotate_tokens", "shop.GuardedResetToken")
    leaked = f"SELECT count(*) FROM {TABLE} WHERE key LIKE 'leaked%'"
    assert value(tables, leaked) == 0

    said = project.run("shell", "--verbosity", "0", "--command", PACKAGE_AT_WORK)
    assert said.split("\n")[:6] == [
        "stored True 40",
        "stale False stale",
        "bulk 2",
        "wish True False 40",
        "rotated True False",
        "update False True",
    ]
    assert value(tables, leaked) == 0

    project.models("")
    typed = [words.removeprefix("python manage.py ") for words in commands(REMOVE)]
    project.run_each(typed[0].replace("keys", "shop"), typed[1])
    columns = "SELECT count(*) FROM information_schema.columns WHERE column_name = 'key_rotated_at'"
    assert value(tables, columns) == 0
