"""A stranger's site is told of leaked tokens: they die everywhere, and nothing holds one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.project import Project
from tests.support.signing import Signer, report_of

MODELS = """
from token_rotation import (
    PendingIndex, RotatedAtField, guard, keep_retired, prefixed, token_default, unusable,
)
from token_rotation.models import RotatingToken

SECRET = prefixed("tkt_")

class Device(models.Model):
    secret = models.CharField(max_length=64, unique=True, db_default=token_default(SECRET))
    token_rotated_at = RotatedAtField()

    class Meta:
        indexes = [PendingIndex()]
        triggers = [*guard("secret", fresh_token=SECRET), *keep_retired("secret")]

class Copy(models.Model):
    secret = models.CharField(max_length=64, db_index=True, db_default=token_default(SECRET))
    token_rotated_at = RotatedAtField()

    class Meta:
        indexes = [PendingIndex()]
        triggers = guard("secret", fresh_token=SECRET)

class Login(models.Model):
    digest = models.CharField(
        max_length=64, unique=True, db_default=token_default(unusable(64))
    )
    token_rotated_at = RotatedAtField()

    class Meta:
        indexes = [PendingIndex()]
        triggers = [
            *guard("digest", fresh_token=unusable(64), accept="sent"), *keep_retired("digest"),
        ]
"""
HASHING = """
import hashlib

def digest(token):
    return hashlib.sha256(token.encode()).hexdigest()
"""
SETTINGS = """
ROOT_URLCONF = "token_rotation.intake.urls"
ALLOWED_HOSTS = ["*"]
ADMINS = [("Admin", "admin@example.com")]
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = "mails"
TOKEN_ROTATION_INTAKE_BEARER = "only for tests, and long enough for them"
TOKEN_ROTATION_INTAKE_PUBLIC_KEYS = {"known": %r}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "token_rotation.SecurityJson"}},
    "handlers": {
        "security": {
            "class": "logging.FileHandler", "filename": "security.jsonl", "formatter": "json",
        },
        "all": {"class": "logging.FileHandler", "filename": "all.log"},
        "mail": {"class": "django.utils.log.AdminEmailHandler", "include_html": True},
    },
    "loggers": {
        "token_rotation.security": {"handlers": ["security"], "propagate": False},
        "django.request": {"handlers": ["mail"]},
    },
    "root": {"handlers": ["all"], "level": "DEBUG"},
}
"""
HASHES = 'TOKEN_ROTATION_INTAKE_HASHES = {"shop.Login": "shop.hashing.digest"}\n'
FILL = """
import pgtrigger
from shop.hashing import digest
from shop.models import Copy, Device, Login, SECRET
tokens = SECRET.make(4)
with pgtrigger.ignore("shop.Device:guard_insert_secret", "shop.Copy:guard_insert_secret"):
    for token in tokens:
        Device.objects.create(secret=token)
    for _ in range(3):
        Copy.objects.create(secret=tokens[0])
Login.objects.create(digest=digest(tokens[1]))
print(*tokens)
"""
# The process dies when the rows are rotated and the record is not ended yet.
DIE = """
import os, sys
from token_rotation.intake import report_leak
from token_rotation.intake.record import ReportRecord
ReportRecord.end = lambda *_: os._exit(9)
report_leak(open("leaked").read().split())
"""
SEND = """
from django.test import Client
body, headers = open("body", "rb").read(), %r
import token_rotation.intake.take_in as take_in
client = Client()
for _ in range(2):
    answer = client.post("/report", body, content_type="application/json", headers=headers)
    print(answer.status_code, answer.content.decode())
take_in._by_stored_text = None  # an error that nobody foresees
print(client.post("/report", body, content_type="application/json", headers=headers).status_code)
"""
REVOKE = """
from django.test import Client
headers = {"Authorization": "Bearer only for tests, and long enough for them"}
sent = {"tokens": ["noise"]}
answer = Client().post("/revoke", sent, content_type="application/json", headers=headers)
print(answer.content.decode())
"""


@pytest.fixture
def project(tmp_path: Path, make_database: Callable[..., str]) -> Project:
    project = Project(tmp_path, make_database())
    (tmp_path / "shop" / "hashing.py").write_text(HASHING)
    project.models(MODELS)
    return project


def add_settings(project: Project, text: str) -> None:
    with (project.directory / "settings.py").open("a") as settings:
        settings.write(text)


def test_leaked_tokens_die_in_every_column_through_each_door_and_nothing_holds_one(
    project: Project, connect: Callable[[str], Any]
) -> None:
    signer, directory = Signer(), project.directory
    add_settings(project, SETTINGS % signer.pem)
    project.run_each("makemigrations shop", "migrate --verbosity 0")
    assert "W070" in project.run("check")
    (line,) = project.shell(FILL)
    tokens = line.split()

    leaked = directory / "leaked"
    leaked.write_text("\n".join([tokens[0], tokens[1], "noise", tokens[2][:-1] + "_"]))
    said = [project.run("report_leak", "leaked", fails_with=3)]
    assert "shop.Device: 2 rows rotated." in said[0]
    assert "shop.Copy: 3 rows rotated." in said[0]
    assert "shop.Login holds hashes and was not searched." in said[0]
    said += project.shell(REVOKE)
    assert json.loads(said[-1]) == {"reported": 1, "not_searched": ["shop.Login"]}
    add_settings(project, HASHES)
    said.append(project.run("report_leak", "-", answers=leaked.read_text()))
    assert "4 tokens reported: 2 found" in said[-1]
    assert "shop.Login: 1 row rotated." in said[-1]

    leaked.write_text(tokens[2])
    died = project.attempt("shell", "--verbosity", "0", "--command", DIE)
    assert died.returncode == 9
    said += [died.stderr, project.run("report_leak", "leaked")]
    assert "rotated" not in said[-1]

    body = report_of([tokens[2], tokens[3], tokens[3][:-1]])
    (directory / "body").write_bytes(body)
    said += project.shell(SEND % signer.headers(body))
    first, replay, broken = said[-3:]
    assert first == replay
    assert broken == "503"
    labels = [each["label"] for each in json.loads(first.removeprefix("200 "))]
    assert labels == ["true_positive", "true_positive", "false_positive"]

    events = [json.loads(line) for line in (directory / "security.jsonl").read_text().splitlines()]
    reported = [each for each in events if each["event"] == "token_leak_reported"]
    assert [each["rotated_rows"] for each in reported] == [5, 1, 0, 1]
    with connect(project._database_url).cursor() as cursor:
        cursor.execute(
            "SELECT secret FROM shop_device UNION SELECT secret FROM shop_copy "
            "UNION SELECT digest FROM shop_login"
        )
        stored = {text for (text,) in cursor.fetchall()}
        cursor.execute("SELECT o::text FROM token_rotation_operation AS o ORDER BY id")
        records = [text for (text,) in cursor.fetchall()]
    assert not stored & set(tokens)
    assert sum("running" in record for record in records) == 1
    mails = [mail.read_text() for mail in (directory / "mails").iterdir()]
    assert mails
    logs = [(directory / name).read_text() for name in ("all.log", "security.jsonl")]
    texts = [*said, *records, *mails, *logs]
    assert not [text for text in texts for token in tokens if token[4:16] in text]
    assert not [text for text in texts for token in stored if token[4:16] in text]


def test_wrong_settings_are_named_in_one_line_each(project: Project) -> None:
    wrong = {
        "PUBLIC_KEYS_URL": "http://keys.example.com",
        "BEARER": "short",
        "AUTHENTICATE": "shop.nobody",
        "HASHES": {"shop.Login": "shop.hashing"},
        "BODY_BYTES": 0,
        "CALLS_PER_MINUTE": "many",
    }
    settings = "".join(
        f"TOKEN_ROTATION_INTAKE_{name} = {value!r}\n" for name, value in wrong.items()
    )
    add_settings(project, settings)
    said = project.run("check", fails_with=1)
    assert said.count("token_rotation.E070") == len(wrong)
    assert all(f"TOKEN_ROTATION_INTAKE_{name} " in said for name in wrong)
    add_settings(
        project, settings.replace("= ", "= None  # ").replace("HASHES = None", "HASHES = {}")
    )
    missing = project.run("report_leak", "no-such-file", fails_with=1)
    assert "The file cannot be read: No such file" in missing
