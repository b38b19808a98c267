"""Packages that look tokens up by another column, encrypt or hash them, as pip installs them."""

import re
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest

from tests.support.documents import DOCS, python_blocks
from tests.support.project import Project

PROXY = """
from oauth2_provider.models import {model}
from token_rotation import Column, guard, keep_retired, unusable, urlsafe

class Guarded{model}({model}):
    class Meta:
        proxy = True
{triggers}
"""


def on_the_page(model: str, column: str) -> str:
    """The proxy whose triggers the page shows, found by the column that they name."""
    blocks = python_blocks(DOCS / "how-to" / "derived-columns.md")
    (block,) = (each for each in blocks if f'"{column}"' in each)
    return PROXY.format(model=model, triggers=indent(block, 8 * " "))


ACCESS_TOKENS = on_the_page("AccessToken", "token_checksum")
DERIVED = re.compile(r"derived=\{.*\},", re.DOTALL)
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
def oauth(tmp_path: Path, database: str, tables: Any) -> Project:
    """A project whose 200 access tokens leaked."""
    project = Project(tmp_path, database, apps=("oauth2_provider",))
    project.models("")
    project.run("migrate", "--verbosity", "0")
    with tables.cursor() as cursor:
        cursor.execute(LEAKED_ACCESS_TOKENS)
    return project


def test_access_tokens_and_their_checksums_are_rotated_together(
    oauth: Project, tables: Any
) -> None:
    assert oauth.shell(OAUTH) == ["leaked 200", "stored 200"]
    oauth.models(ACCESS_TOKENS)
    oauth.run_each(
        "makemigrations shop",
        "makemigrations --check",
        "migrate --verbosity 0",
        "check --database default --fail-level WARNING",
        "rotate_tokens",
    )
    assert oauth.shell(OAUTH + ISSUE) == ["leaked 0", "stored 200", "issued True"]
    assert oauth.run("check", "--database", "default", "--fail-level", "WARNING")


def test_without_a_declaration_of_the_checksum_nothing_is_rotated(
    oauth: Project, tables: Any
) -> None:
    oauth.models(DERIVED.sub("", ACCESS_TOKENS))
    said = oauth.run("rotate_tokens", fails_with=1)
    assert "token_rotation.E046" in said
    assert "may derive from token: token_checksum (oauth2_provider." in said
    assert "derived={'token_checksum': None, 'resource': None}" in said

    wrong = 'derived={"token_checksum": None, "resource": None},'
    oauth.models(DERIVED.sub(wrong, ACCESS_TOKENS))
    said = oauth.run_each(
        "makemigrations shop", "migrate --verbosity 0", "rotate_tokens", fails_with=1
    )
    assert "token_checksum holds the sha256 of the token in hexadecimal in 200 of 200" in said
    assert oauth.shell(OAUTH) == ["leaked 200", "stored 200"]


ENCRYPTED = """
from encrypted_fields.fields import EncryptedTextField
from token_rotation import PendingIndex, RotatedAtField, guard, hexadecimal, token_default

class Device(models.Model):
    secret = EncryptedTextField(db_default=token_default(hexadecimal()))
    secret_rotated_at = RotatedAtField()

    class Meta:
        indexes = [PendingIndex("secret_rotated_at")]
        triggers = guard("secret", "secret_rotated_at", hexadecimal())
"""


def test_an_encrypted_token_is_refused_by_every_command(tmp_path: Path, database: str) -> None:
    project = Project(tmp_path, database, apps=("encrypted_fields",))
    with (tmp_path / "settings.py").open("a") as settings:
        settings.write('SALT_KEY = "only for tests"\n')
    project.models(ENCRYPTED)
    (tmp_path / "leaked").write_text("leaked\n")
    for command in (["check"], ["rotate_tokens"], ["rotate_tokens", "--report"]):
        said = project.run(*command, fails_with=1)
        assert "token_rotation.E045" in said
        assert "encrypted_fields.fields.EncryptedTextField" in said
    said = project.run("verify_tokens", "leaked", fails_with=1)
    assert "token_rotation.E045" in said


PREFIXED = """
import secrets
from token_rotation import PendingIndex, RotatedAtField, guard, hexadecimal, token_default

KEY = hexadecimal(40, prefix="tk_")

def make_token():
    return "tk_" + secrets.token_hex(20)

class Key(models.Model):
    owner = models.CharField(max_length=20, default="ann")
    token = models.CharField(max_length=43, unique=True, DEFAULT)
    prefix = models.CharField(max_length=11, blank=True)
    MARKER

    def save(self, *args, **kwargs):
        self.prefix = self.token[:11]
        super().save(*args, **kwargs)
"""
BEFORE = ("DEFAULT", "default=make_token"), ("MARKER", "")
UNDECLARED = (
    ("DEFAULT", "db_default=token_default(KEY)"),
    (
        "MARKER",
        """token_rotated_at = RotatedAtField()

    class Meta:
        indexes = [PendingIndex()]
        triggers = guard(fresh_token=KEY DERIVED)
""",
    ),
)
DECLARED = ', derived={"prefix": "left({token}::text, 11)"}'
LOOK_UP = """
from shop.models import Key
found = Key.objects.exclude(prefix="")
print("in step", all(key.token.startswith(key.prefix) for key in found), found.count())
"""
STALE = """
from shop.models import Key
stale = Key.objects.get(pk=1)
old = stale.prefix
from token_rotation import rotate_token
fresh = Key.objects.get(pk=1)
rotate_token(fresh)
print("read back", fresh.prefix == fresh.token[:11], fresh.prefix != old)
models_save = super(Key, stale).save
stale.owner = "bob"
models_save()
row = Key.objects.get(pk=1)
print("stale", row.owner, row.prefix == row.token[:11] == fresh.prefix)
new = Key(token="tk_sent", prefix="tk_sent")
super(Key, new).save()
print("created", new.prefix == new.token[:11] == Key.objects.get(pk=new.pk).prefix)
Key.objects.filter(pk=1).update(prefix="written")
print("written", Key.objects.get(pk=1).prefix == fresh.prefix)
"""


def with_(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        text = text.replace(old, new)
    return text


def test_a_prefix_that_save_fills_is_found_in_the_rows_and_kept_in_step_once_declared(
    tmp_path: Path, database: str
) -> None:
    project = Project(tmp_path, database)
    project.models(with_(PREFIXED, *BEFORE))
    project.run_each("makemigrations", "migrate --verbosity 0")
    made = "from shop.models import Key\nfor _ in range(30): Key().save()"
    project.shell(made)
    assert project.shell(LOOK_UP) == ["in step True 30"]

    project.models(with_(PREFIXED, *UNDECLARED, (" DERIVED", "")))
    said = project.run_each(
        "makemigrations", "migrate --verbosity 0", "rotate_tokens", fails_with=1
    )
    assert "token_rotation.W045" in said
    assert "shop_key.prefix holds the token's first 11 characters in 30 of 30 rows" in said
    assert 'derived={"prefix": "left({token}::text, 11)"}' in said
    assert project.shell(LOOK_UP) == ["in step True 30"]

    project.models(with_(PREFIXED, *UNDECLARED, (" DERIVED", DECLARED)))
    said = project.run_each("makemigrations", "migrate --verbosity 0", "rotate_tokens")
    assert "30 tokens rotated" in said
    assert "token_rotation.W045" not in said
    assert project.shell(LOOK_UP) == ["in step True 30"]
    assert project.shell(STALE) == [
        "read back True True",
        "stale bob True",
        "created True",
        "written True",
    ]


CLIENTS = on_the_page("Application", "client_secret")
ACCEPT = ', accept="sent"'
MAKE_CLIENTS = """
from oauth2_provider.models import Application
for n in range(5):
    Application.objects.create(client_secret=f"leaked {n}", client_type="confidential",
        authorization_grant_type="client-credentials", name=str(n))
"""
ASK_CLIENTS = """
from django.db import IntegrityError
from oauth2_provider.models import Application
from oauth2_provider.oauth2_validators import OAuth2Validator
accepts = OAuth2Validator()._check_secret
clients = list(Application.objects.order_by("pk")[:5])
print("leaked", sum(accepts(f"leaked {n}", each.client_secret) for n, each in enumerate(clients)))
"""
KEEP_HASH = """
import json, pathlib
kept = pathlib.Path("kept.json")
kept.write_text(json.dumps([each.client_secret for each in clients]))
"""
BRING_BACK = """
import json, pathlib
hashes = json.loads(pathlib.Path("kept.json").read_text())
stale = clients[0]
stale.name, stale.client_secret = "stale", hashes[0]
try:
    stale.save()
except IntegrityError as error:
    print("refused", hashes[0] in str(error))
stored = Application.objects.get(pk=stale.pk)
print("leaked", accepts("leaked 0", stored.client_secret))
new = Application.objects.create(client_secret="new", client_type="confidential",
    authorization_grant_type="client-credentials")
print("new", accepts("new", Application.objects.get(pk=new.pk).client_secret))
"""


def test_hashed_secrets_are_revoked_and_new_ones_are_taken(tmp_path: Path, database: str) -> None:
    project = Project(tmp_path, database, apps=("oauth2_provider",))
    with (tmp_path / "settings.py").open("a") as settings:
        settings.write('PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]\n')
    project.models("")
    project.run("migrate", "--verbosity", "0")
    project.shell(MAKE_CLIENTS)
    assert project.shell(ASK_CLIENTS + KEEP_HASH) == ["leaked 5"]

    own = "fresh_token='md5(gen_random_uuid()::text)'"
    project.models(CLIENTS.replace(f"unusable(){ACCEPT}", own))
    said = project.run("rotate_tokens", fails_with=1)
    assert "token_rotation.E048" in said
    assert "unusable()" in said
    project.models(CLIENTS.replace(ACCEPT, ""))
    assert "token_rotation.E049" in project.run("check", fails_with=1)

    project.models(CLIENTS)
    said = project.run_each(
        "makemigrations shop",
        "makemigrations --check",
        "migrate --verbosity 0",
        "check --database default --fail-level WARNING",
        "rotate_tokens --limit 2 --batch-rows 1",
        fails_with=3,
    )
    assert "2 tokens rotated" in said
    said = project.run("rotate_tokens")
    assert "3 tokens rotated" in said
    (tmp_path / "leaked").write_text("token\nleaked 0\n")
    for command in (["verify_tokens", "leaked"], ["rotate_tokens", "--only", "leaked"]):
        assert "holds hashes" in project.run(*command, fails_with=1)
    said = project.shell(ASK_CLIENTS + BRING_BACK)
    assert "refused True" not in said
    assert [line for line in said if line != "refused False"] == [
        "leaked 0",
        "leaked False",
        "new True",
    ]
