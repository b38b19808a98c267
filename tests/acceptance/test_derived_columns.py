"""Packages that look tokens up by another column, encrypt or hash them, as pip installs them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.project import Project

SHA256 = "encode(sha256(convert_to({token}, 'UTF8')), 'hex')"

ACCESS_TOKENS = """
from oauth2_provider.models import AccessToken
from token_rotation import Column, guard, keep_retired, urlsafe

class GuardedAccessToken(AccessToken):
    class Meta:
        proxy = True
        triggers = [
            *guard(
                "token",
                Column("token_rotated_at"),
                urlsafe(),
                accept="sent",
                DERIVED
            ),
            *keep_retired("token", Column("token_rotated_at")),
        ]
"""
LEAKED_ACCESS_TOKENS = """
INSERT INTO oauth2_provider_accesstoken
    (token, token_checksum, expires, scope, resource, created, updated)
SELECT 'leaked-' || n || '-' || md5(n::text),
    encode(sha256(convert_to('leaked-' || n || '-' || md5(n::text), 'UTF8')), 'hex'),
    now() + interval '1 day', 'read', '[]', now(), now()
FROM generate_series(1, 200) AS n
"""
OAUTH = """
import hashlib
from datetime import timedelta
from django.utils import timezone
from oauth2_provider.models import AccessToken
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauthlib.common import Request

def accepts(token):
    return OAuth2Validator().validate_bearer_token(token, ["read"], Request("/"))

leaked = [f"leaked-{n}-{hashlib.md5(str(n).encode()).hexdigest()}" for n in range(1, 201)]
print("leaked", sum(map(accepts, leaked)))
print("stored", sum(accepts(each.token) for each in AccessToken.objects.all()))
"""
ISSUE = """
tomorrow = timezone.now() + timedelta(days=1)
new = AccessToken.objects.create(token="issued by the package", expires=tomorrow, scope="read")
print("issued", accepts("issued by the package"))
"""


@pytest.fixture
def database(make_database: Callable[..., str]) -> str:
    return make_database("zero")


@pytest.fixture
def tables(database: str, connect: Callable[[str], Any]) -> Any:
    return connect(database)


@pytest.fixture
def oauth(tmp_path: Path, database: str, tables: Any) -> Project:
    """A project whose 200 access tokens leaked."""
    project = Project(tmp_path, database, apps=("oauth2_provider",))
    project.models("")
    project.run("migrate", "--verbosity", "0")
    with tables.cursor() as cursor:
        cursor.execute(LEAKED_ACCESS_TOKENS)
    return project


def answers(project: Project, code: str) -> list[str]:
    return project.run("shell", "--verbosity", "0", "--command", code).splitlines()


def test_access_tokens_and_their_checksums_are_rotated_together(
    oauth: Project, tables: Any
) -> None:
    assert answers(oauth, OAUTH) == ["leaked 200", "stored 200"]
    declared = f'derived={{"token_checksum": "{SHA256}", "resource": None}}'
    oauth.models(ACCESS_TOKENS.replace("DERIVED", declared))
    oauth.run_each(
        "makemigrations shop",
        "makemigrations --check",
        "migrate --verbosity 0",
        "check --database default --fail-level WARNING",
        "rotate_tokens",
    )
    assert answers(oauth, OAUTH + ISSUE) == ["leaked 0", "stored 200", "issued True"]
    assert oauth.run("check", "--database", "default", "--fail-level", "WARNING")


def test_without_a_declaration_of_the_checksum_nothing_is_rotated(
    oauth: Project, tables: Any
) -> None:
    oauth.models(ACCESS_TOKENS.replace("DERIVED", ""))
    said = oauth.run("rotate_tokens", fails_with=1)
    assert "token_rotation.E046" in said
    assert "token_checksum may derive from token" in said
    assert "resource may derive from token" in said
    assert answers(oauth, OAUTH) == ["leaked 200", "stored 200"]
