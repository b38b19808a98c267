"""makemigrations alone turns a table full of leaked tokens into one that can be rotated."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.leaked import value
from tests.support.project import Project, operations

IMPORTS = """
from token_rotation import PendingIndex, RotatedAtField, token_default
from token_rotation.models import RotatingToken
from token_rotation import Column, guard
from token_rotation.tokens.formats import characters, hexadecimal, urlsafe
"""

BEFORE = """
def make():
    return f"tk_{uuid.uuid4().hex}"

class Link(models.Model):
    name = models.CharField(max_length=20)
    token = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)

class Key(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    owner = models.CharField(max_length=20)
    secret = models.CharField(max_length=40, unique=True, default=make)
    webhook = models.UUIDField(default=uuid.uuid4)

class Bystander(models.Model):
    name = models.CharField(max_length=20)
"""

ADOPTED = f"""
{IMPORTS}
SECRET = urlsafe(prefix="tk_")

def make(): ...  # the first migration names it

class Link(RotatingToken):
    name = models.CharField(max_length=20)

class Key(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    owner = models.CharField(max_length=20, db_index=True)
    note = models.TextField(default="")
    secret = models.CharField(
        max_length=SECRET.length, unique=True, db_default=token_default(SECRET)
    )
    secret_rotated_at = RotatedAtField()
    webhook = models.UUIDField(db_default=models.Func(function="gen_random_uuid"))
    webhook_rotated_at = RotatedAtField()

    class Meta:
        indexes = [
            PendingIndex("secret_rotated_at"),
            PendingIndex("webhook_rotated_at"),
            models.Index(fields=["secret_rotated_at"], name="key_secret_rotated_at"),
        ]
        triggers = [
            *guard("secret", "secret_rotated_at", SECRET, make_tokens=SECRET.make),
            *guard("webhook", "webhook_rotated_at"),
        ]

class Bystander(models.Model):
    name = models.CharField(max_length=20)
    more = models.ForeignKey("Fresh", null=True, on_delete=models.SET_NULL)

class Fresh(RotatingToken):
    class Meta(RotatingToken.Meta):
        ordering = ["id"]
"""

ROWS = """
INSERT INTO shop_link (name, token) SELECT n, gen_random_uuid() FROM generate_series(1, {n}) AS n;
INSERT INTO shop_key (id, owner, secret, webhook)
SELECT gen_random_uuid(), n, 'tk_' || md5('leaked' || n), gen_random_uuid()
FROM generate_series(1, {n}) AS n;
CREATE TABLE leaked_key AS SELECT * FROM shop_key;
CREATE TABLE leaked_link AS SELECT * FROM shop_link;
"""


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    return Project(tmp_path, database)


def execute(connection: Any, statements: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statements)


def test_each_table_gets_its_guards_in_one_migration_and_the_old_rows_are_pending(
    project: Project, tables: Any
) -> None:
    project.models(BEFORE)
    project.run_each("makemigrations", "migrate --verbosity 0")
    execute(tables, ROWS.format(n=300))
    project.models(ADOPTED)
    said = project.run_each(
        "makemigrations --no-input",
        "makemigrations --check",
        "migrate --verbosity 0",
        "check --database default --fail-level WARNING",
        "rotate_tokens --report",
        fails_with=3,
    )
    assert "shop.key.secret changes more than its default" in said  # 40 characters became 46
    written = project.written()
    assert [operations(text) for text in list(written.values())[1:]] == [
        # Of the others first what needs nothing of the guards'.
        [
            "CreateModel",
            "AddField",
            "AlterField",
            "AddIndex",
            "AddTrigger",
            "AddTrigger",
            "AddField",
        ],
        ["TogetherPolitely", *["AddFieldPolitely"] * 2],
        ["AlterFieldPolitely"],  # the room for longer tokens, before the guard issues them
        ["TogetherPolitely", *["AddTriggerPolitely"] * 4, *["AlterFieldPolitely"] * 3],
        [
            *["TogetherPolitely", "AddFieldPolitely"],
            *["AddTriggerPolitely"] * 2,
            *["AlterFieldPolitely"] * 2,
        ],
        ["AddIndexConcurrentlyPolitely"] * 3,
        ["AddIndex"],
    ]
    assert ["atomic = False" in text for text in written.values()].count(True) == 1
    _, no_changes, report = said.partition("No changes detected")
    assert no_changes
    assert value(tables, "SELECT count(*) FROM shop_link WHERE token_rotated_at IS NULL") == 300
    for label in ("shop.Link", "shop.Key.secret", "shop.Key.webhook", "shop.Fresh"):
        assert label in report
    assert "guard             ok" in report
    project.run("rotate_tokens")
    kept = "SELECT count(*) FROM leaked_{0} JOIN shop_{0} USING (id) WHERE {1}"
    assert value(tables, kept.format("link", "leaked_link.token = shop_link.token")) == 0
    for column in ("secret", "webhook"):
        same = f"leaked_key.{column} = shop_key.{column}"
        assert value(tables, kept.format("key", same)) == 0
        assert value(tables, f"SELECT count(DISTINCT {column}) FROM shop_key") == 300
    assert value(tables, "SELECT count(*) FROM shop_key WHERE secret ~ '^tk_[-_0-9A-Za-z]{43}$'")
    execute(tables, "TRUNCATE shop_key")  # its tokens are longer than the column was
    project.run("migrate", "shop", "0001", "--verbosity", "0")  # all of it can be undone


def test_indexes_are_built_whoever_wrote_their_migrations(project: Project, tables: Any) -> None:
    """Another package's makemigrations knows nothing of ``atomic = False``."""
    project.models(BEFORE)
    project.run_each("makemigrations", "migrate --verbosity 0")
    execute(tables, ROWS.format(n=50))
    project.models(ADOPTED)
    project.run("makemigrations", "--no-input")
    for path in project.migrations.glob("0*.py"):
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for line in lines if "atomic = False" not in line))
    assert "atomic" not in "".join(project.written().values())
    project.run_each("migrate --verbosity 0", "check --database default --fail-level WARNING")
    execute(tables, "TRUNCATE shop_key, shop_link")  # else rows are pending
    project.run("migrate", "shop", "0001", "--verbosity", "0")


LINTING = """
from pathlib import Path
from django.core.management.commands import makemigrations

class Command(makemigrations.Command):
    def write_migration_files(self, changes, *args, **kwargs):
        super().write_migration_files(changes, *args, **kwargs)
        Path("linted").touch()
"""


def test_the_command_of_a_package_that_is_listed_later_runs_too(
    project: Project, tmp_path: Path
) -> None:
    commands = tmp_path / "lint" / "management" / "commands"
    commands.mkdir(parents=True)
    (tmp_path / "lint" / "__init__.py").touch()
    (commands / "makemigrations.py").write_text(LINTING)
    with (tmp_path / "settings.py").open("a") as settings:
        settings.write("INSTALLED_APPS.append('lint')")
    project.models(ADOPTED)
    project.run("makemigrations", "--no-input")
    assert (tmp_path / "linted").exists()


AUDITED = """
import pgtrigger

class Key(models.Model):
    token = models.UUIDField({token})
    {marker}

    class Meta:
        {indexes}
        triggers = [
            *{guard},
            pgtrigger.Trigger(
                name="audit", operation=pgtrigger.Update, when=pgtrigger.After,
                func="INSERT INTO audit SELECT {columns}; RETURN NULL;",
            ),
        ]
"""


def test_no_write_passes_without_a_trigger_of_somebody_elses(project: Project) -> None:
    """An audit's function names all columns, so that the marker makes another one of it."""
    plain = {"token": "default=uuid.uuid4", "marker": "", "indexes": "", "guard": "[]"}
    project.models(AUDITED.format(**plain, columns="OLD.token"))
    project.run("makemigrations")
    guarded = {
        "token": 'db_default=models.Func(function="gen_random_uuid")',
        "marker": "token_rotated_at = RotatedAtField()",
        "indexes": "indexes = [PendingIndex()]",
        "guard": "guard()",
    }
    columns = "OLD.token, OLD.token_rotated_at"
    project.models(IMPORTS + AUDITED.format(**guarded, columns=columns))
    project.run_each("makemigrations", "makemigrations --check")
    _, *steps, last = project.written().values()
    assert all("audit" not in step for step in steps)
    assert operations(last) == ["RemoveTrigger", "AddTrigger"]
    assert "atomic = False" not in last


def test_another_format_replaces_the_trigger_in_one_step(project: Project) -> None:
    adopted = (
        IMPORTS
        + """
TOKEN = {format}

class Key(models.Model):
    token = models.CharField(max_length=TOKEN.length, db_default=token_default(TOKEN))
    token_rotated_at = RotatedAtField()

    class Meta:
        indexes = [PendingIndex()]
        triggers = guard(fresh_token=TOKEN)
"""
    )
    project.models(adopted.format(format="hexadecimal()"))
    project.run("makemigrations")
    (first,) = project.written().values()
    assert operations(first) == ["CreateModel", "AddTrigger", "AddTrigger"]
    project.models(adopted.format(format="characters('abcdefghjkmnpqrstuvwxyz23456789', 40)"))
    refused = project.run("makemigrations", "--update", fails_with=1)
    assert "--update" in refused
    shown = project.run("makemigrations", "--dry-run", "--check", fails_with=1)
    assert "Replace trigger guard_insert on model key" in shown
    project.run_each(
        "makemigrations --name longer --no-input",
        "makemigrations --check",
        "migrate --verbosity 0",
        "check --database default --fail-level WARNING",
    )
    assert list(project.written()) == ["0001_initial", "0002_longer", "0003_longer"]
    assert [operations(text) for text in project.written().values()][1:] == [
        ["AlterFieldPolitely"],
        ["TogetherPolitely", *["ReplaceTriggerPolitely"] * 2],
    ]


NAMED = (
    IMPORTS
    + """
TOKEN = hexadecimal({length})

class {model}(models.Model):
    {token} = models.CharField(max_length={length}, unique=True, db_default=token_default(TOKEN))
    {marker} = RotatedAtField()

    class Meta:
        db_table = "{table}"
        indexes = [PendingIndex("{marker}")]
        triggers = guard("{token}", "{marker}", TOKEN)
"""
)
GUARDS = """
SELECT string_agg(tgname, ' ' ORDER BY tgname) FROM pg_trigger
WHERE tgrelid = '"{}"'::regclass AND NOT tgisinternal
"""


def test_columns_model_and_table_may_get_other_names_and_no_write_passes_without_the_guard(
    project: Project, tables: Any
) -> None:
    names = {"model": "Key", "token": "token", "marker": "token_rotated_at", "table": "shop_key"}
    project.models(NAMED.format(**names, length=32))
    project.run_each("makemigrations", "migrate --verbosity 0")
    execute(tables, "INSERT INTO shop_key (token) SELECT NULL FROM generate_series(1, 20)")

    names |= {"token": "secret", "marker": "issued_at"}
    project.models(NAMED.format(**names, length=32))
    project.run_each("makemigrations --name columns", "migrate --verbosity 0", answers="y\ny\n")
    renamed, index = list(project.written().values())[1:]
    assert sorted(operations(renamed)) == [
        *["AddTrigger"] * 2,
        "RemoveIndex",
        *["RemoveTrigger"] * 2,
        *["RenameField"] * 2,
    ]
    assert "atomic = False" not in renamed
    assert operations(index) == ["AddIndexConcurrentlyPolitely"]

    names |= {"model": "ApiKey", "table": "Api Keys"}
    project.models(NAMED.format(**names, length=32))
    project.run("makemigrations", "--name", "model", answers="y\n")
    project.models(NAMED.format(**names, length=40))
    said = project.run_each(
        "makemigrations --name longer",
        "migrate --verbosity 0",
        "makemigrations --check",
        "check --database default --fail-level WARNING",
        "rotate_tokens --issued-before now",
    )
    replaced = [operations(text) for text in project.written().values()]
    assert replaced.count(["TogetherPolitely", *["ReplaceTriggerPolitely"] * 2]) == 2
    assert len(value(tables, GUARDS.format("Api Keys")).split()) == 2
    assert "shop.ApiKey: 20 tokens rotated" in said

    execute(tables, 'DELETE FROM "Api Keys"')  # the tokens are longer than the column was
    project.run("migrate", "shop", "0001", "--verbosity", "0")
    execute(tables, "INSERT INTO shop_key (token) VALUES ('leaked')")
    assert value(tables, "SELECT length(token) FROM shop_key") == 32


def test_squashed_steps_make_a_new_database(project: Project, tables: Any) -> None:
    project.models("class Link(models.Model):\n    token = models.UUIDField(default=uuid.uuid4)")
    project.run("makemigrations")
    project.models(IMPORTS + "class Link(RotatingToken): ...")
    project.run("makemigrations")
    project.run_each(
        f"squashmigrations shop {list(project.written())[-1][:4]} --no-input",
        "makemigrations --check",
        "migrate --verbosity 0",
        "check --database default --fail-level WARNING",
    )
    assert len(value(tables, GUARDS.format("shop_link")).split()) == 2


KEEPING = (
    IMPORTS
    + """
from token_rotation.triggers.retired import keep_retired

class Key(models.Model):
    token = models.UUIDField(unique=True, db_default=models.Func(function="gen_random_uuid"))
    token_rotated_at = RotatedAtField()
    webhook = models.UUIDField(db_default=models.Func(function="gen_random_uuid"))
    webhook_rotated_at = RotatedAtField()

    class Meta:
        indexes = [PendingIndex(), PendingIndex("webhook_rotated_at")]
        triggers = [*guard(), *guard("webhook", "webhook_rotated_at"), {keep}]
"""
)
KEEP = "*keep_retired(), *keep_retired('webhook', 'webhook_rotated_at')"
TABLE = "('token_rotation', '0002_retired_functions')"


def test_triggers_for_retired_tokens_come_politely_and_after_their_table_and_can_go_again(
    project: Project, tables: Any
) -> None:
    project.models(KEEPING.format(keep=""))
    project.run("makemigrations")
    project.models(KEEPING.format(keep=KEEP))
    project.run_each(
        "makemigrations --name keep", "makemigrations --check", "migrate --verbosity 0"
    )
    first, *kept = project.written().values()
    assert TABLE not in first
    assert [operations(text) for text in kept] == [
        ["TogetherPolitely", *["AddTriggerPolitely"] * 6]
    ]
    assert all(TABLE in text for text in kept)
    execute(tables, "INSERT INTO shop_key (token) VALUES (NULL)")
    execute(tables, "UPDATE shop_key SET token_rotated_at = NULL, webhook_rotated_at = NULL")
    project.run("rotate_tokens")
    sources = "SELECT string_agg(source, ' ' ORDER BY source) FROM token_rotation_retiredtoken"
    assert value(tables, sources) == "shop_key.token shop_key.webhook"
    project.models(KEEPING.format(keep=""))
    project.run_each(
        "makemigrations --name forget", "migrate --verbosity 0", "makemigrations --check"
    )
    removed = list(project.written().values())[-1]
    assert operations(removed) == ["TogetherPolitely", *["RemoveTriggerPolitely"] * 6]


def test_without_a_guard_its_triggers_go_politely_before_the_columns_that_they_name(
    project: Project, tables: Any
) -> None:
    project.models(KEEPING.format(keep=KEEP))
    project.run("makemigrations")
    project.models(
        """
        class Key(models.Model):
            token = models.UUIDField(unique=True, default=uuid.uuid4)
        """
    )
    project.run_each(
        "makemigrations --name let_go", "migrate --verbosity 0", "makemigrations --check"
    )
    _, indexes, guard, rest = project.written().values()
    assert operations(indexes) == ["RemoveIndexConcurrentlyPolitely"] * 2
    assert operations(guard) == [
        *["TogetherPolitely", *["RemoveTriggerPolitely"] * 10],
        *["RemoveMarkerPolitely", "RemoveMarkerPolitely", "AlterFieldPolitely"],
    ]
    assert operations(rest) == ["RemoveField"]
    triggers = "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'shop_key'::regclass"
    assert value(tables, f"{triggers} AND tgname LIKE 'pgtrigger%%'") == 0
    project.run("migrate", "shop", "0001", "--verbosity", "0")
    assert value(tables, f"{triggers} AND tgname LIKE 'pgtrigger%%'") == 10


def test_a_model_that_is_born_keeping_retired_tokens_comes_after_their_table(
    project: Project,
) -> None:
    project.models(KEEPING.format(keep=KEEP))
    project.run("makemigrations")
    (first,) = project.written().values()
    assert operations(first) == ["CreateModel", *["AddTrigger"] * 10]
    assert TABLE in first


@pytest.mark.parametrize("app", ["pgtrigger", "token_rotation", "token_rotation.operations"])
def test_an_app_that_was_forgotten_is_named_and_no_unsafe_migration_is_written(
    project: Project, app: str
) -> None:
    project.without(app)
    project.models(IMPORTS + "class Link(RotatingToken): ...")
    refused = project.attempt("makemigrations", "shop")
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].endswith(f"guard() needs {app} in INSTALLED_APPS.")
    assert project.written() == {}


MISTAKEN = """
class NoGuard(RotatingToken):
    class Meta:
        ordering = ["id"]

class NoDefault(models.Model):
    token = models.UUIDField(default=uuid.uuid4)
    token_rotated_at = RotatedAtField()

    class Meta:
        triggers = guard()
        indexes = [PendingIndex()]

class OtherDefault(models.Model):
    token = models.UUIDField(db_default=models.Func(function="gen_random_uuid"))
    token_rotated_at = RotatedAtField(db_default=models.functions.Now())

    class Meta:
        triggers = guard()
        indexes = [PendingIndex()]

class NoIndex(RotatingToken):
    class Meta(RotatingToken.Meta):
        indexes = []

class NoMarker(models.Model):
    token = models.UUIDField(db_default=models.Func(function="gen_random_uuid"))

    class Meta:
        triggers = guard()

class TooLong(models.Model):
    token = models.CharField(max_length=31, null=True, db_default=token_default(hexadecimal()))
    token_rotated_at = RotatedAtField()

    class Meta:
        indexes = [PendingIndex()]
        triggers = guard(fresh_token=hexadecimal())

class InAnotherSchema(RotatingToken):
    class Meta(RotatingToken.Meta):
        db_table = '"other"."table"'

class Unmanaged(RotatingToken):
    class Meta(RotatingToken.Meta):
        managed = False

class Child(Unmanaged):
    class Meta:
        triggers = guard()

class IsTheKey(models.Model):
    key = models.CharField(max_length=40, primary_key=True)

class ProxyOfIt(IsTheKey):
    class Meta:
        proxy = True
        triggers = guard("key", Column("key_rotated_at"), hexadecimal())

class ReferredTo(RotatingToken):
    pass

class Referring(models.Model):
    to = models.ForeignKey(ReferredTo, to_field="token", on_delete=models.CASCADE)

class Composite(RotatingToken):
    pk = models.CompositePrimaryKey("one", "two")
    one = models.IntegerField()
    two = models.IntegerField()
"""


def test_a_declaration_that_would_not_hold_is_refused_before_anything_is_written(
    project: Project,
) -> None:
    project.models(IMPORTS + MISTAKEN)
    said = project.run("makemigrations", fails_with=1)
    for model, code in (
        ("NoGuard", "E010"),
        ("Composite", "E011"),
        ("NoMarker", "E013"),
        ("NoDefault", "E014"),
        ("NoIndex", "E015"),
        ("InAnotherSchema", "E017"),
        ("Unmanaged", "E017"),
        ("Child", "E017"),
        ("ProxyOfIt", "E017"),
        ("ReferredTo", "E017"),
        ("TooLong", "E018"),
        ("OtherDefault", "E019"),
    ):
        assert f"shop.{model}: (token_rotation.{code})" in said
    assert project.written() == {}


CHOOSING = (
    IMPORTS
    + """
from token_rotation import keep_retired

class Key(models.Model):
    secret = models.CharField(max_length=32, db_default=token_default(hexadecimal()))
    secret_rotated_at = RotatedAtField()
    prefix = models.CharField(max_length=8, default="")

    class Meta:
        indexes = [PendingIndex("secret_rotated_at")]
        triggers = [
            *guard("secret", "secret_rotated_at", hexadecimal(), {guard}),
            *keep_retired("secret", "secret_rotated_at", {keep}),
        ]
"""
)


def test_what_a_guard_accepts_derives_and_moves_may_change_later(
    project: Project, tables: Any
) -> None:
    project.models(CHOOSING.format(guard="", keep=""))
    project.run_each("makemigrations", "migrate --verbosity 0")
    more = "accept='sent', derived={'prefix': 'left({token}, 8)'}, partitioned=True"
    project.models(CHOOSING.format(guard=more, keep="partitioned=True"))
    project.run_each(
        "makemigrations --name more --no-input",
        "makemigrations --check",
        "migrate --verbosity 0",
    )
    made = list(project.written().values())[1:]
    assert [operations(text) for text in made] == [
        [
            "TogetherPolitely",
            *["AddTriggerPolitely"] * 2,  # they remember what the others rely on
            *["ReplaceTriggerPolitely"] * 3,
            "AddTriggerPolitely",
        ]
    ]
    names = re.findall(r"Trigger\(name='(\w+)'", "".join(made))
    assert names == [
        f"{kind}_secret"
        for kind in (
            *("guard_move", "guard_sent", "keep_deleted"),
            *("guard_insert", "guard_update", "keep_moved"),
        )
    ]
    assert all("('token_rotation', '0002_retired_functions')" in text for text in made)
    execute(tables, "INSERT INTO shop_key (secret, prefix) VALUES ('chosen by the site', '')")
    assert value(tables, "SELECT secret || ' ' || prefix FROM shop_key") == (
        "chosen by the site chosen b"
    )
    project.models(CHOOSING.format(guard="", keep=""))
    project.run_each("makemigrations --name fewer --no-input", "migrate --verbosity 0")
    execute(tables, "INSERT INTO shop_key (secret, prefix) VALUES ('chosen again', '')")
    assert value(tables, "SELECT count(*) FROM shop_key WHERE secret ~ '^[0-9a-f]{32}$'") == 1
    project.run("migrate", "shop", "0001", "--verbosity", "0")
