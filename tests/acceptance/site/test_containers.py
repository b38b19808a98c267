"""The site as docker-compose.yml and Dockerfile start it, without a Docker daemon.

docker compose resolves the environment; only the server's address and the port are those of a test.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest

from tests.support.compose import compose
from tests.support.databases import make_server_directory
from tests.support.manage import PROJECT
from tests.support.waiting import until
from tickets.config.embedded.cluster import PostgresCluster

PASSWORD = """p/#?@:%41%2F+&=;$HOME $$ "' \\ ü€"""
SECRETS = {"POSTGRES_PASSWORD": PASSWORD, "DJANGO_SECRET_KEY": "0123456789" * 6 + "/#$"}
PAGE = (PROJECT / "docs" / "how-to" / "containers.md").read_text()
TO_SEE_IT = dict(re.findall(r"^\$ export (DJANGO_\w+)=(\S+)$", PAGE, re.MULTILINE))
(DOCUMENTED_URL,) = re.findall(r"open <(http://[^>]+)>", PAGE)

Environment = dict[str, str]


def environment(**env: str) -> Environment:
    """That of the service web, as a container gets it."""
    found = compose("config", "--format", "json", env={**SECRETS, **env})
    assert found.returncode == 0, found.stderr
    service = json.loads(found.stdout)["services"]["web"]
    # config writes a file for docker compose, in which $$ stands for $.
    given = {
        name: value.replace("$$", "$") for name, value in service["environment"].items() if value
    }
    kept = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT)}
    return {**kept, **given, "DATABASE_HOST": "127.0.0.1"}


def run(*words: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], cwd=PROJECT, env=env, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def database() -> Iterator[Environment]:
    """DATABASE_PORT of a server like the service's: user, password and database are the same."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    cluster = PostgresCluster(make_server_directory(), listen_port=port, settings={"fsync": "off"})
    cluster.initialize()
    (cluster.data_directory / "pg_hba.conf").write_text(
        "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
    )
    cluster.start()
    connection = psycopg2.connect(cluster.url())
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE tickets LOGIN PASSWORD %s", [PASSWORD])
        cursor.execute("CREATE DATABASE tickets OWNER tickets")
    connection.close()
    yield {"DATABASE_PORT": str(port)}
    cluster.stop("immediate")
    shutil.rmtree(cluster.directory, ignore_errors=True)


def test_a_password_of_special_characters_reaches_the_server_as_it_is(
    database: Environment,
) -> None:
    env = {**environment(), **database}

    done = run("manage.py", "showmigrations", "--plan", env=env)
    refused = run("manage.py", "showmigrations", "--plan", env={**env, "DATABASE_PASSWORD": "p"})

    assert (done.returncode, done.stderr) == (0, "")
    assert "contenttypes.0001_initial" in done.stdout
    assert refused.returncode == 1
    assert "password authentication failed" in refused.stderr


@pytest.fixture(scope="module")
def migrated(database: Environment) -> Environment:
    done = run("manage.py", "migrate", "--no-input", env={**environment(), **database})
    assert done.returncode == 0, done.stderr
    return database


class Site:
    """The image's command, on a free port, as somebody sees it who opens `DOCUMENTED_URL`."""

    def __init__(self, env: Environment, log: Path) -> None:
        (words,) = re.findall(r"^CMD (\[.+\])$", (PROJECT / "Dockerfile").read_text(), re.MULTILINE)
        program, *options = json.loads(words)
        assert program == "gunicorn"
        options = [option.replace("0.0.0.0:8000", "127.0.0.1:0") for option in options]
        with log.open("w") as written:
            self.process = subprocess.Popen(
                [sys.executable, "-m", program, *options],
                cwd=PROJECT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
            )
        listening = re.compile(r"Listening at: http://127\.0\.0\.1:(\d+)")
        until(lambda: listening.search(log.read_text()) or self.process.poll() is not None)
        found = listening.search(log.read_text())
        assert found, log.read_text()
        self._port = int(found[1])

    def get(self, path: str) -> tuple[int, str]:
        """Return the status, and the text or where it leads."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request("GET", path, headers={"Host": urlsplit(DOCUMENTED_URL).netloc})
            response = connection.getresponse()
            return response.status, response.getheader("Location") or response.read().decode()
        finally:
            connection.close()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=60)


def seen(env: Environment, log: Path, *paths: str) -> list[tuple[int, str]]:
    site = Site(env, log)
    try:
        return [site.get(path) for path in paths]
    finally:
        site.stop()


def test_the_documented_url_shows_the_site(migrated: Environment, tmp_path: Path) -> None:
    env = {**environment(**TO_SEE_IT), **migrated}

    page, login, style = seen(
        env,
        tmp_path / "log",
        urlsplit(DOCUMENTED_URL).path,
        "/admin/login/",
        "/static/admin/css/base.css",
    )

    assert TO_SEE_IT == {"DJANGO_SSL_REDIRECT": "false"}
    assert [status for status, _ in (page, login, style)] == [200, 200, 200]
    assert "<title>" in page[1]
    assert 'name="password"' in login[1]


def test_without_that_everybody_is_sent_to_https(migrated: Environment, tmp_path: Path) -> None:
    (page,) = seen({**environment(), **migrated}, tmp_path / "log", "/")

    assert page == (301, "https://" + urlsplit(DOCUMENTED_URL).netloc + "/")
