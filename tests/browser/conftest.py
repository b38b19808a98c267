"""One site under gunicorn and one browser for all tests here; each has the tickets for itself."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest
from psycopg2 import sql

from tests.browser.chromium import Browser, why_missing
from tests.support.databases import DatabaseFactory, make_server_directory
from tests.support.leaked import CLEAR, leak
from tests.support.manage import PROJECT, Manage
from tests.support.web_server import WebServer

PASSWORD = "open sesame, please"
USERS = f"""
from django.contrib.auth.models import Permission, User
operator = User.objects.create_user("ann", password={PASSWORD!r}, is_staff=True)
operator.user_permissions.add(Permission.objects.get(codename="control_batchoperation"))
User.objects.create_user("bob", password={PASSWORD!r}, is_staff=True)
"""
END_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "tests.browser.settings",
    "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",  # nobody answers there
}
# Chromium opens connections that it may need; each would keep a sync worker.
ONE_WORKER = ("--workers", "1", "--threads", "8")


class Site:
    """The project under gunicorn, on a database of its own."""

    def __init__(self, directory: Path, database_url: str, server_url: str, manage: Manage) -> None:
        self.database_url = database_url
        self._server_url = server_url
        self.tickets = self._connect()
        self._manage = manage
        make_users = ("shell", "--verbosity", "0", "--command", USERS)
        made = manage(*make_users, database_url=database_url, env=ENVIRONMENT)
        assert made.returncode == 0, made.stderr
        self._server = WebServer(directory, database_url, ENVIRONMENT, ONE_WORKER)
        self.origin = f"http://127.0.0.1:{self._server.port}"

    def rotate(self, *options: str) -> Any:
        """A real ``rotate_tokens`` process."""
        return self._manage.start("rotate_tokens", *options, database_url=self.database_url)

    def execute(self, statement: str) -> None:
        with self.tickets.cursor() as cursor:
            cursor.execute(statement)

    def forget(self) -> None:
        """No tickets and no records, for the next test."""
        self.execute(CLEAR)
        self.execute("ALTER TABLE tickets_ticket ENABLE TRIGGER USER")

    @contextmanager
    def unreachable(self) -> Iterator[None]:
        """While inside, the server lets nobody into the site's database."""
        name = urlsplit(self.database_url).path.lstrip("/")
        elsewhere = psycopg2.connect(self._server_url)
        elsewhere.autocommit = True
        cursor = elsewhere.cursor()
        allow = sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}")
        self.tickets.close()
        try:
            cursor.execute(allow.format(sql.Identifier(name), sql.SQL("false")))
            cursor.execute(END_SESSIONS, [name])
            yield
        finally:
            cursor.execute(allow.format(sql.Identifier(name), sql.SQL("true")))
            elsewhere.close()
            self.tickets = self._connect()

    def _connect(self) -> Any:
        connection = psycopg2.connect(self.database_url)
        connection.autocommit = True
        return connection

    def logs(self) -> str:
        return self._server.logs()

    def close(self) -> None:
        self._server.stop()
        self.tickets.close()


@pytest.fixture(scope="package")
def site(database_factory: DatabaseFactory, server_url: str, manage: Manage) -> Iterator[Site]:
    directory = make_server_directory()
    url = database_factory.create("latest")
    site = Site(directory, url, server_url, manage)
    yield site
    site.close()
    database_factory.drop(url)
    shutil.rmtree(directory)


@pytest.fixture(scope="package")
def installed() -> None:
    missing = why_missing()
    if missing:
        pytest.skip(missing)


@pytest.fixture(scope="package")
def chromium(installed: None, site: Site) -> Iterator[Browser]:
    """Closed before the site is, which waits for its requests."""
    profile = make_server_directory()
    browser = Browser(profile)
    yield browser
    browser.close()
    shutil.rmtree(profile, ignore_errors=True)


@pytest.fixture
def browser(chromium: Browser, site: Site, request: pytest.FixtureRequest) -> Iterator[Browser]:
    """The browser, logged in as ann, who may press the buttons; a picture is kept of its end."""
    chromium.resize((1280, 900))
    chromium.prefer("light")
    if chromium.user != "ann":
        log_in(chromium, site, "ann")
    yield chromium
    assert chromium.requests_elsewhere(site.origin) == []
    assert [line for line in chromium.console() if "Content Security Policy" in line] == []
    chromium.photograph(PROJECT / "var" / "browser" / f"{request.node.name}.png")
    chromium.open("about:blank")


@pytest.fixture
def leaked(site: Site) -> Iterator[Callable[[int], None]]:
    """leaked(rows) fills the table; it is empty again at the test's end."""
    made = False

    def fill(rows: int) -> None:
        nonlocal made
        leak(site.tickets, rows)
        made = True

    yield fill
    if made:
        site.forget()


def log_in(browser: Browser, site: Site, name: str) -> None:
    browser.forget_cookies()
    browser.open(f"{site.origin}/rotation/")
    browser.type("#id_username", name)
    browser.type("#id_password", PASSWORD)
    browser.click("[type=submit]")
    browser.until(lambda: browser.text("h1") == "Token rotation")
    browser.user = name
