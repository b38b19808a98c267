"""Tokens that are primary keys, as those of rest_framework.authtoken, guarded by a proxy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.authtoken import (
    LEAKED,
    MODELS,
    PENDING,
    VALID,
    adopt,
    authtoken_project,
    no_key_in,
    rows,
)
from tests.support.leaked import value
from tests.support.project import Project
from tests.support.waiting import until

KEY_OF = (
    "SELECT key FROM authtoken_token JOIN auth_user ON auth_user.id = user_id WHERE username = %s"
)
ALL = "SELECT count(DISTINCT user_id) FROM authtoken_token"
SESSIONS = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rotate_tokens' "
    "AND datname = current_database()"
)
COLUMNS = "SELECT count(*) FROM information_schema.columns WHERE column_name = 'key_rotated_at'"
PENDING_INDEX = "SELECT indexname FROM pg_indexes WHERE indexname LIKE 'authtoken_toke%pending'"
INDEXES = "SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%hashtext%'"


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    return authtoken_project(tmp_path, database)


STALE = """
import sys
from django.db import IntegrityError, transaction
from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token
from token_rotation import is_retired, rotate_token
from token_rotation.errors import TokenUpdateError
from token_rotation.postgres import sqlstate_of
stale = Token.objects.get(user__username="user1")
old = stale.key
print("loaded", flush=True)
sys.stdin.readline()
try:
    with transaction.atomic():
        stale.save()
except IntegrityError as error:
    print("save", "is retired" in str(error), old in str(error), sqlstate_of(error))
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


WAITING = """
import sys
from django.db import IntegrityError, OperationalError
from token_rotation.postgres import sqlstate_of
from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token
stale = Token.objects.get(user__username="user1")
other = Token(key=Token.objects.get(user__username="user2").key, user_id=stale.user_id)
print("loaded", flush=True)
sys.stdin.readline()
try:
    if "insert" in sys.stdin.readline():
        other.save(force_insert=True)
    else:
        stale.save()
except (IntegrityError, OperationalError) as error:
    print(type(error).__name__, sqlstate_of(error), stale.key in str(error))
"""
ROTATED = (
    "UPDATE authtoken_token SET key = encode(sha256(random()::text::bytea), 'hex')::varchar(40), "
    "key_rotated_at = clock_timestamp()"
)
WAITS = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
    "AND datname = current_database()"
)


@pytest.mark.parametrize(
    ("write", "said"),
    [("save", "IntegrityError 23514 False\n"), ("insert", "OperationalError 40001 False\n")],
)
def test_a_stale_save_that_waits_for_the_rotation_stores_nothing(
    project: Project,
    database: str,
    tables: Any,
    connect: Callable[[str], Any],
    write: str,
    said: str,
) -> None:
    adopt(project, tables, 3)
    # Else the rows' owner alone would refuse a second one.
    tables.cursor().execute(
        "ALTER TABLE authtoken_token DROP CONSTRAINT authtoken_token_user_id_key"
    )
    process = project.start("-m", "django", "shell", "--verbosity", "0", "--command", WAITING)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "loaded\n"
    rotating = connect(database)
    rotating.autocommit = False
    rotating.cursor().execute(ROTATED)
    process.stdin.write(f"go\n{write}\n")
    process.stdin.flush()
    until(lambda: value(tables, WAITS) > 0)
    rotating.commit()
    answer, errors = process.communicate(timeout=60)
    assert (answer, process.returncode) == (said, 0), errors
    assert (value(tables, VALID), value(tables, "SELECT count(*) FROM authtoken_token")) == (0, 3)


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
dead, served, wrong, made = set(), 0, 0, {}
print("loaded", flush=True)
stopped = False
while not stopped or len(dead) < len(old):
    stopped = stopped or select_input()
    regenerated = 21 + len(made)
    if regenerated <= 40:
        Token.objects.filter(user_id=regenerated).delete()
        made[regenerated] = Token.objects.create(user_id=regenerated).key
    for user, key in old.items():
        answer = status(key)
        if answer == 401:
            dead.add(user)
            fresh = Token.objects.get(user_id=user).key
            wrong += status(fresh) != 200
            served += 1
        elif answer != 200 or user in dead:
            wrong += 1
stored = dict(Token.objects.filter(user_id__in=made).values_list("user_id", "key"))
wrong += stored != made or len(made) < 5
print("dead", len(dead), "wrong", wrong, "served", served > 0)
"""
SELECT = """
import select, sys
def select_input():
    return bool(select.select([sys.stdin], [], [], 0.05)[0])
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


def test_no_command_tells_a_key_to_a_server_that_logs_everything(
    project: Project, tables: Any, tmp_path: Path
) -> None:
    log = Path(value(tables, "SHOW data_directory")).parent / "server.log"
    if not log.exists():
        pytest.skip("the log of this server is somewhere else")
    adopt(project, tables, 300)
    database = value(tables, "SELECT current_database()")
    for setting in ("log_statement = 'all'", "log_min_duration_statement = 0"):
        tables.cursor().execute(f'ALTER DATABASE "{database}" SET {setting}')
    ever = set(value(tables, "SELECT array(SELECT key FROM leaked)"))
    leaked = tmp_path / "leaked.txt"
    leaked.write_text("".join(f"{key}\n" for key in sorted(ever)[:50]))
    began = log.stat().st_size
    for command in (
        ("rotate_tokens", "--only", str(leaked), "--batch-rows", "20"),
        ("rotate_tokens", "--where", "user_id__lte=100"),
        ("rotate_tokens", "--finish", "--workers", "2"),
        ("rotate_tokens", "--issued-before", "now", "--batch-rows", "50"),
        ("rotate_tokens", "--report", "--exact"),
        ("verify_tokens", str(leaked)),
        ("verify_tokens", "--retired"),
        ("prune_retired_tokens", "--older-than", "1"),
    ):
        said = project.run(*command)
        ever |= set(value(tables, "SELECT array(SELECT key FROM authtoken_token)"))
        no_key_in(said, ever)
    assert value(tables, VALID) == 0
    logged = log.read_bytes()[began:].decode()
    assert logged.count("UPDATE") > 10
    no_key_in(logged, ever)


def test_no_option_takes_a_key_from_the_command_line(
    project: Project, tables: Any, tmp_path: Path
) -> None:
    adopt(project, tables, 3)
    key = value(tables, "SELECT min(key) FROM leaked")
    leaked = tmp_path / "leaked.txt"
    leaked.write_text(f"{key}\n")
    for condition in ("key", "pk", "pk__in", "key__startswith", "user__auth_token"):
        said = project.run("rotate_tokens", "--where", f"{condition}={key}", fails_with=1)
        assert f"{condition} is a token" in said
    of_keys = ("rotate_tokens", "--only", str(leaked), "--list-of", "keys")
    assert "its keys are its tokens. Say --list-of tokens" in project.run(*of_keys, fails_with=1)
    assert value(tables, PENDING) == 3


DIGESTS = """
from token_rotation import Column, guard, keep_retired, unusable

class AuthToken(models.Model):  # as that of knox
    digest = models.CharField(max_length=128, primary_key=True)
    token_key = models.CharField(max_length=25, db_index=True)
"""
REVOKED = """
class RevokedToken(AuthToken):
    class Meta:
        proxy = True
        triggers = [
            *guard("digest", Column("digest_at"), unusable(), accept="sent"),
            *keep_retired("digest", Column("digest_at")),
        ]
"""


def test_digests_that_are_keys_are_revoked(project: Project, tables: Any) -> None:
    project.models(DIGESTS)
    project.run_each("makemigrations shop", "migrate --verbosity 0")
    tables.cursor().execute(
        "INSERT INTO shop_authtoken SELECT encode(sha512(n::text::bytea), 'hex'), n "
        "FROM generate_series(1, 50) AS n; CREATE TABLE leaked AS SELECT digest FROM shop_authtoken"
    )
    project.models(DIGESTS + REVOKED)
    project.run_each(
        "makemigrations shop", "migrate --verbosity 0", "check --database default", "rotate_tokens"
    )
    left = "SELECT count(*) FROM shop_authtoken JOIN leaked USING (digest)"
    revoked = "SELECT count(*) FROM shop_authtoken WHERE digest LIKE '!%'"
    assert (value(tables, left), value(tables, revoked)) == (0, 50)


def test_after_a_kill_the_indexes_of_hashed_keys_are_kept_or_built_again(
    project: Project, tables: Any
) -> None:
    adopt(project, tables, 3)
    *_, before_indexes, indexes = project.written()
    project.run("migrate", "shop", before_indexes, "--fake", "--verbosity", "0")
    tables.cursor().execute(
        "UPDATE pg_index SET indisvalid = false "
        "WHERE indexrelid::regclass::text LIKE 'authtoken_toke%_keyhash'"
    )
    project.run_each("migrate --verbosity 0", "check --database default --fail-level WARNING")
    assert value(tables, INDEXES) == 2
    tables.cursor().execute(f"DROP INDEX {value(tables, PENDING_INDEX)}")
    project.run("check", "--database", "default", fails_with=1)
    project.run("migrate", "shop", before_indexes, "--fake", "--verbosity", "0")
    project.run_each("migrate --verbosity 0", "check --database default --fail-level WARNING")
    built = project.written()[indexes]  # the newer index is the one that is used
    assert built.index("_keyhash") < built.rindex("_pending")


BADGES = """
CREATE TABLE badge (id int PRIMARY KEY, token varchar(40) NOT NULL,
    CONSTRAINT badge_of FOREIGN KEY (token) REFERENCES authtoken_token {on_update}
    DEFERRABLE INITIALLY DEFERRED);
INSERT INTO badge SELECT user_id, key FROM authtoken_token;
"""
DOUBT = """
CREATE FUNCTION doubt() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN EXECUTE 'SELECT 1'; RETURN NULL; END $$;
CREATE TRIGGER doubt AFTER UPDATE ON authtoken_token FOR EACH ROW EXECUTE FUNCTION doubt();
"""


def test_a_foreign_key_that_does_not_follow_and_a_trigger_in_doubt_are_refused(
    project: Project, tables: Any
) -> None:
    adopt(project, tables, 30)
    tables.cursor().execute(BADGES.format(on_update=""))
    said = project.run("rotate_tokens", fails_with=1)
    assert "The foreign key badge_of of badge refers to authtoken_token.key without" in said
    assert "E062" in project.run("check", "--database", "default", fails_with=1)
    tables.cursor().execute("DROP TABLE badge")
    tables.cursor().execute(BADGES.format(on_update="ON UPDATE CASCADE"))
    tables.cursor().execute(DOUBT)
    said = project.run("rotate_tokens", fails_with=1)
    assert "The trigger doubt on authtoken_token may write key, which is the primary key" in said
    assert value(tables, PENDING) == 30
    tables.cursor().execute("DROP FUNCTION doubt CASCADE")
    project.run("rotate_tokens", "--batch-rows", "7")
    followed = "SELECT count(*) FROM badge JOIN authtoken_token ON token = key AND id = user_id"
    assert (value(tables, VALID), value(tables, followed)) == (0, 30)


LOGGED = """
from django.contrib.admin.models import CHANGE, LogEntry
from rest_framework.authtoken.models import Token, TokenProxy
LogEntry.objects.log_actions(1, list(Token.objects.filter(user_id__lte=3)), CHANGE, "seen")
LogEntry.objects.log_actions(1, list(TokenProxy.objects.filter(user_id__lte=5)), CHANGE, "seen")
"""


def test_keys_in_the_admins_log_and_in_generic_references_are_reported(
    project: Project, tables: Any
) -> None:
    project.models(GENERIC)
    project.run_each("makemigrations shop", "migrate --verbosity 0")
    with tables.cursor() as cursor:
        cursor.execute(LEAKED.format(users=10))
    project.models(GENERIC + MODELS)
    project.run_each("makemigrations shop", "migrate --verbosity 0")
    project.run("shell", "--verbosity", "0", "--command", LOGGED)
    tables.cursor().execute(
        "INSERT INTO shop_note (object_id, content_type_id) SELECT key, "
        "(SELECT id FROM django_content_type WHERE model = 'token') FROM authtoken_token"
    )
    keys = set(value(tables, "SELECT array(SELECT key FROM leaked)"))
    said = project.run("check", "--database", "default")
    assert (
        "django_admin_log.object_id holds tokens of authtoken_token by value in 3 rows: 3" in said
    )
    assert "django_admin_log.object_repr holds tokens of authtoken_token by value in 8 rows" in said
    assert "shop_note.object_id holds tokens of authtoken_token by value in 10 rows: 10" in said
    rotated = project.run("rotate_tokens")
    report = project.run("rotate_tokens", "--report")
    assert "by value in 10 rows: 0 that are valid now, 10 that were replaced" in report
    no_key_in(said + rotated + report, keys)


GENERIC = """
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType

class Note(models.Model):
    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE)
    object_id = models.CharField(max_length=40)
    about = GenericForeignKey()
"""
MISTAKEN = """
from django.contrib.sessions.models import Session
from rest_framework.authtoken.models import Token
from token_rotation import Column, RotatedAtField, guard, hexadecimal, keep_retired

class Fresh(Token):
    class Meta:
        proxy = True
        triggers = guard("key", Column("key_rotated_at"), hexadecimal(40))

class Numbered(models.Model):
    id = models.BigAutoField(primary_key=True)

class NumberedProxy(Numbered):
    class Meta:
        proxy = True
        triggers = [
            *guard("id", Column("id_rotated_at"), hexadecimal(40), accept="sent"),
            *keep_retired("id", Column("id_rotated_at")),
        ]

class OwnMarker(models.Model):
    code = models.CharField(max_length=40, primary_key=True)
    code_rotated_at = RotatedAtField()

    class Meta:
        triggers = [
            *guard("code", "code_rotated_at", hexadecimal(40), accept="sent"),
            *keep_retired("code", "code_rotated_at"),
        ]

class Referred(models.Model):
    code = models.CharField(max_length=40, primary_key=True)
    other = models.CharField(max_length=40)

class ReferredProxy(Referred):
    class Meta:
        proxy = True
        triggers = [
            *guard("code", Column("code_at"), hexadecimal(40), accept="sent"),
            *keep_retired("code", Column("code_at")),
        ]

class SecondProxy(Referred):
    class Meta:
        proxy = True
        triggers = guard("other", Column("other_at"), hexadecimal(40))

class Loose(models.Model):
    to = models.ForeignKey(Referred, on_delete=models.CASCADE, db_constraint=False)

class GuardedSession(Session):
    class Meta:
        proxy = True
        triggers = [
            *guard("session_key", Column("key_at"), hexadecimal(40), accept="sent"),
            *keep_retired("session_key", Column("key_at")),
        ]
"""


def test_a_declaration_that_would_lose_a_key_is_refused_before_anything_is_written(
    project: Project,
) -> None:
    project.models(MISTAKEN)
    said = project.run("makemigrations", fails_with=1)
    for model, sentence in (
        ("Fresh", "a stale save() would insert the replaced one"),
        ("NumberedProxy", "neither text nor UUID"),
        ("OwnMarker", "declare its guard in a proxy"),
        ("ReferredProxy", "code is what shop.Loose refers to"),
        ("ReferredProxy", "no other token of its table can rotate"),
        ("GuardedSession", "delete the rows instead"),
    ):
        lines = [line for line in said.splitlines() if f"shop.{model}: " in line]
        assert any("E017" in line and sentence in line for line in lines), (model, said)
    assert project.written() == {}
