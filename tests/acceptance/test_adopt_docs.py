"""A new project follows docs/adopt.md to the letter, and then survives what the tickets survive."""

import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from psycopg2.extensions import parse_dsn

from tests.support.leaked import value
from tests.support.manage import PROJECT

BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
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


class Newcomer:
    """A person with a shell in an empty directory."""

    def __init__(self, directory: Path, database_url: str) -> None:
        self._directory = directory
        dsn = parse_dsn(database_url)
        names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE"}
        self._env = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            **{name: value for name, value in os.environ.items() if name.startswith("PIP_")},
            **{variable: dsn[name] for name, variable in names.items() if name in dsn},
            "PGPASSWORD": dsn.get("password", ""),
            "DJANGO_TOKEN_ROTATION": str(PROJECT),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }

    def follow(self, page: str) -> None:
        for kind, block in BLOCK.findall(page):
            if kind == "python":
                self._write(block)
            else:
                commands = [line[2:] for line in block.splitlines() if line.startswith("$ ")]
                self.type("\n".join(commands))

    def _write(self, block: str) -> None:
        heading, _, text = block.partition("\n")
        name, _, at_its_end = heading.removeprefix("# ").partition(", ")
        path = self._directory / name
        path.write_text((path.read_text() + "\n" if at_its_end else "") + text)

    def type(self, commands: str) -> str:
        done = subprocess.run(
            ["bash", "-ec", self._in_the_environment(commands)],
            cwd=self._directory,
            env=self._env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-ec", self._in_the_environment(f"exec {command}")],
            cwd=self._directory,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )

    def _in_the_environment(self, commands: str) -> str:
        activate = self._directory / ".venv" / "bin" / "activate"
        return f". {activate}\n{commands}" if activate.exists() else commands


def test_a_new_project_adopts_it_by_the_page_alone_and_withstands_stale_saves_and_kills(
    tmp_path: Path, make_database: Callable[..., str], connect: Callable[[str], Any]
) -> None:
    database = make_database("zero")
    tables = connect(database)
    newcomer = Newcomer(tmp_path, database)
    newcomer.follow((PROJECT / "docs" / "adopt.md").read_text())
    count = "SELECT count(*) FROM keys_apikey WHERE token_rotated_at IS NULL"
    assert value(tables, count) == 0
    installed = next((tmp_path / ".venv").glob("lib/python*/site-packages/token_rotation"))
    assert not (installed.parent / "tickets").exists()
    assert not (installed.parent / "migrations").exists()

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
