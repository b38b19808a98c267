"""A project of somebody else's that uses rest_framework.authtoken, whose tokens are its keys."""

from pathlib import Path
from typing import Any

from tests.support.project import ADMIN_TEMPLATES, Project

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
PENDING = "SELECT count(*) FROM authtoken_token WHERE key_rotated_at IS NULL"
VALID = "SELECT count(*) FROM leaked JOIN authtoken_token USING (key)"


def authtoken_project(directory: Path, database: str) -> Project:
    """Has no model of its own: ``adopt`` brings the proxy."""
    project = Project(directory, database, apps=APPS)
    with (directory / "settings.py").open("a") as settings:
        settings.write(SETTINGS + ADMIN_TEMPLATES)
    (directory / "shop" / "urls.py").write_text(URLS)
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
