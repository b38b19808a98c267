"""Tokens that are primary keys, as those of rest_framework.authtoken, guarded by a proxy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.leaked import value
from tests.support.project import Project
from tests.support.waiting import until

APPS = (
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.admin",
    "rest_framework",
    "rest_framework.authtoken",
)
SETTINGS = """
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    ]},
}]
ALLOWED_HOSTS = ["testserver"]
ROOT_URLCONF = "shop.urls"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
}
"""
URLS = """
from django.urls import path
from rest_framework.decorators import api_view
from rest_framework.response import Response

@api_view()
def me(request):
    return Response(request.user.username)

urlpatterns = [path("me/", me)]
"""
MODELS = """
from rest_framework.authtoken.models import Token
from token_rotation import Column, guard, hexadecimal, keep_retired

class GuardedToken(Token):
    class Meta:
        proxy = True
        triggers = [
            *guard("key", Column("key_rotated_at"), hexadecimal(40), accept="sent"),
            *keep_retired("key", Column("key_rotated_at")),
        ]
"""
LEAKED = """
INSERT INTO auth_user (username, password, is_superuser, first_name, last_name, email, is_staff,
    is_active, date_joined)
SELECT 'user' || n, '', false, '', '', '', false, true, now() FROM generate_series(1, {users}) AS n;
INSERT INTO authtoken_token (key, created, user_id)
SELECT encode(sha256(username::bytea), 'hex')::varchar(40), now(), id FROM auth_user;
CREATE TABLE leaked AS SELECT key, user_id FROM authtoken_token;
"""
KEY_OF = (
    "SELECT key FROM authtoken_token JOIN auth_user ON auth_user.id = user_id WHERE username = %s"
)
PENDING = "SELECT count(*) FROM authtoken_token WHERE key_rotated_at IS NULL"
VALID = "SELECT count(*) FROM leaked JOIN authtoken_token USING (key)"
ALL = "SELECT count(DISTINCT user_id) FROM authtoken_token"
SESSIONS = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rotate_tokens' "
    "AND datname = current_database()"
)
COLUMNS = "SELECT count(*) FROM information_schema.columns WHERE column_name = 'key_rotated_at'"
INDEXES = "SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%%hashtext%%'"


@pytest.fixture
def database(make_database: Callable[..., str]) -> str:
    return make_database("zero")


@pytest.fixture
def tables(database: str, connect: Callable[[str], Any]) -> Any:
    return connect(database)


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    project = Project(tmp_path, database, apps=APPS)
    with (tmp_path / "settings.py").open("a") as settings:
        settings.write(SETTINGS)
    (tmp_path / "shop" / "urls.py").write_text(URLS)
    project.models("")
    return project


def rows(connection: Any, query: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def no_key_in(text: str, keys: set[str]) -> None:
    """No key stands there, nor its beginning."""
    assert text
    assert {key for key in keys if key[:12] in text} == set()


def adopt(project: Project, tables: Any, users: int) -> None:
    """Leak the tokens of some users, then install the guard."""
    project.run("migrate", "--verbosity", "0")
    with tables.cursor() as cursor:
        cursor.execute(LEAKED.format(users=users))
    project.models(MODELS)
    said = project.run_each(
        "makemigrations shop",
        "makemigrations --check",
        "migrate --verbosity 0",
        "check --database default --fail-level WARNING",
    )
    assert "No changes detected" in said


STALE = """
import sys
from django.db import IntegrityError, transaction
from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token
from token_rotation import is_retired, rotate_token
from token_rotation.errors import TokenUpdateError
stale = Token.objects.get(user__username="user1")
old = stale.key
print("loaded", flush=True)
sys.stdin.readline()
try:
    with transaction.atomic():
        stale.save()
except IntegrityError as error:
    print("save", "is retired" in str(error), old in str(error), error.__cause__.pgcode)
user = User.objects.get(username="user1")
stored = Token.objects.get(user=user)
print("rows", Token.objects.filter(user=user).count(), stored.key == old, is_retired(old))
stored.save()
print("kept", Token.objects.get(user=user).key == stored.key)
try:
    rotate_token(stored)
except TokenUpdateError as error:
    print("refused", stored.key in str(error), Token.objects.get(user=user).key == stored.key)
chosen = Token.generate_key()
Token.objects.filter(user=user).update(key=chosen)
print("chosen", Token.objects.get(user=user).key == chosen, is_retired(stored.key))
try:
    with transaction.atomic():
        Token.objects.filter(user=user).update(key=old)
except IntegrityError as error:
    print("brought back", old in str(error), Token.objects.get(user=user).key == chosen)
revoked = Token.objects.get(user=user)
revoked.delete()
new = Token.objects.create(user=user)
print("again", Token.objects.get(user=user).key == new.key, is_retired(chosen))
try:
    with transaction.atomic():
        Token.objects.create(key=chosen, user=User.objects.create(username="new"))
except IntegrityError:
    print("revoked", User.objects.filter(username="new").exists())
"""


def test_a_stale_save_neither_revives_a_key_nor_leaves_a_second_row(
    project: Project, tables: Any
) -> None:
    adopt(project, tables, 3)
    process = project.start("-m", "django", "shell", "--verbosity", "0", "--command", STALE)
    assert process.stdout is not None
    assert process.stdout.readline() == "loaded\n"
    project.run("rotate_tokens")
    said, errors = process.communicate("\n", timeout=60)
    assert process.returncode == 0, errors
    assert said.splitlines() == [
        "save True False 23514",
        "rows 1 False True",
        "kept True",
        "refused False True",
        "chosen True True",
        "brought back False True",
        "again True True",
        "revoked False",
    ]


def test_the_packages_own_command_and_view_hand_out_keys_that_are_stored(
    project: Project, tables: Any
) -> None:
    adopt(project, tables, 3)
    project.run("rotate_tokens")
    rotated = value(tables, KEY_OF, "user1")
    said = project.run("drf_create_token", "--reset", "user1")
    made = value(tables, KEY_OF, "user1")
    assert made in said
    assert made != rotated
    view = (
        "from rest_framework.authtoken.views import obtain_auth_token\n"
        "from rest_framework.test import APIRequestFactory\n"
        "from django.contrib.auth.models import User\n"
        "user = User.objects.get(username='user2')\n"
        "user.set_password('pass')\n"
        "user.save()\n"
        "request = APIRequestFactory().post('/', {'username': 'user2', 'password': 'pass'})\n"
        "print(obtain_auth_token(request).data['token'])\n"
    )
    said = project.run("shell", "--verbosity", "0", "--command", view)
    assert said.strip() == value(tables, KEY_OF, "user2")


TRAFFIC = """
import sys
from django.test import Client
from rest_framework.authtoken.models import Token
client = Client()
def status(key):
    return client.get("/me/", headers={"Authorization": f"Token {key}"}).status_code
old = dict(Token.objects.values_list("user_id", "key"))
dead, served, wrong = set(), 0, 0
print("loaded", flush=True)
stopped = False
while not stopped or len(dead) < len(old):
    stopped = stopped or select_input()
    for user, key in old.items():
        answer = status(key)
        if answer == 401:
            dead.add(user)
            fresh = Token.objects.get(user_id=user).key
            wrong += status(fresh) != 200
            served += 1
        elif answer != 200 or user in dead:
            wrong += 1
print("dead", len(dead), "wrong", wrong, "served", served > 0)
"""
SELECT = """
import select, sys
def select_input():
    return bool(select.select([sys.stdin], [], [], 0)[0])
"""


def test_beside_requests_a_killed_rotation_is_resumed_and_no_old_key_opens_anything(
    project: Project, tables: Any, tmp_path: Path
) -> None:
    adopt(project, tables, 3000)
    old = {key for (key,) in rows(tables, "SELECT key FROM leaked")}
    some = "Token.objects.filter(user_id__lte=20)"
    traffic = SELECT + TRAFFIC.replace("Token.objects.values", f"{some}.values")
    process = project.start("-m", "django", "shell", "--verbosity", "0", "--command", traffic)
    assert process.stdout is not None
    assert process.stdout.readline() == "loaded\n"
    slow = ("rotate_tokens", "--batch-rows", "50", "--workers", "2", "--pause-seconds", "0.02")
    killed = project.start("-m", "django", *slow)
    until(lambda: value(tables, PENDING) < 2500)
    killed.kill()
    _, _ = killed.communicate()
    until(lambda: value(tables, SESSIONS) == 0)
    left = value(tables, PENDING)
    assert 0 < left < 3000
    assert value(tables, VALID) == left  # what is replaced and what is pending is one thing
    evidence = tmp_path / "evidence.json"
    said = [
        project.run(*slow, "--evidence", str(evidence)),
        project.run("rotate_tokens", "--report", "--exact"),
        project.run("verify_evidence", str(evidence)),
    ]
    leaked = tmp_path / "leaked.txt"
    leaked.write_text("key\n" + "\n".join(sorted(old)) + "\n")
    verified = project.run("verify_tokens", str(leaked))
    assert "none of them opens anything" in verified
    answers, errors = process.communicate("\n", timeout=120)
    assert process.returncode == 0, errors
    assert answers == "dead 20 wrong 0 served True\n"
    assert (value(tables, PENDING), value(tables, VALID), value(tables, ALL)) == (0, 0, 3000)
    assert "complete          yes" in said[1]
    fresh = {key for (key,) in rows(tables, "SELECT key FROM authtoken_token")}
    records = [
        str(row) for row in rows(tables, "SELECT to_jsonb(o) FROM token_rotation_operation o")
    ]
    no_key_in("\n".join([*said, verified, evidence.read_text(), *records]), old | fresh)
    project.run("migrate", "shop", "zero", "--verbosity", "0")
    assert value(tables, COLUMNS) == 0
    assert value(tables, INDEXES) == 0
