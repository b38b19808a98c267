"""DATABASE_URL becomes Django's settings."""

from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from tickets.config.database import DatabaseParts, database_settings


def settings_of(url: str | None) -> dict[str, Any]:
    return database_settings(url, embedded_directory=Path("/nowhere/postgres"))


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_every_part_of_the_url_is_used(scheme: str) -> None:
    settings = settings_of(f"{scheme}://us%40er:p%2Fw@db.example:6543/tickets?sslmode=require")
    assert settings["ENGINE"] == "django.db.backends.postgresql"
    assert settings["USER"] == "us@er"
    assert settings["PASSWORD"] == "p/w"
    assert settings["HOST"] == "db.example"
    assert settings["PORT"] == 6543
    assert settings["NAME"] == "tickets"
    assert settings["OPTIONS"]["sslmode"] == "require"


def test_an_unreachable_host_is_given_up_in_seconds_unless_told_otherwise() -> None:
    assert settings_of("postgres://host/name")["OPTIONS"]["connect_timeout"] == 10
    longer = settings_of("postgres://host/name?connect_timeout=60")
    assert longer["OPTIONS"]["connect_timeout"] == 60


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me@/name?host=/Run/PostgreSQL&port=6543",
        "postgresql://me@%2FRun%2FPostgreSQL/name?port=6543",
    ],
)
def test_a_socket_directory_keeps_its_case(url: str) -> None:
    settings = settings_of(url)
    assert (settings["HOST"], settings["PORT"]) == ("/Run/PostgreSQL", "6543")
    assert {"host", "port"}.isdisjoint(settings["OPTIONS"])


@pytest.mark.parametrize(
    "url",
    [
        "postgres://user:hush@host:x/name",
        "mysql://user:hush@host/name",
        "postgres://user:hush@host/na%00me",
        "postgres://user:hush\udcff@host/name",
    ],
)
def test_a_refused_url_appears_in_no_part_of_the_error(url: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        settings_of(url)
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert "hush" not in repr(caught.value.__context__)


def test_without_a_url_the_embedded_server_is_used_and_nothing_is_created() -> None:
    settings = settings_of(None)
    assert settings["ENGINE"] == "tickets.config.embedded"
    assert settings["HOST"] == "/nowhere/postgres/socket"
    assert not Path("/nowhere").exists()


def settings_of_parts(url: str | None = None, **parts: Any) -> dict[str, Any]:
    return database_settings(
        url, DatabaseParts(**parts), embedded_directory=Path("/nowhere/postgres")
    )


def test_parts_are_used_as_they_are() -> None:
    odd = "p%41/#?@:+&= '\"\\$"
    settings = settings_of_parts(host="Db.example", name=f"n{odd}", user=f"u{odd}", password=odd)
    assert settings["ENGINE"] == "django.db.backends.postgresql"
    assert (settings["HOST"], settings["PORT"]) == ("Db.example", "")
    assert settings["NAME"] == f"n{odd}"
    assert (settings["USER"], settings["PASSWORD"]) == (f"u{odd}", odd)
    assert settings["OPTIONS"] == {"connect_timeout": 10}


@pytest.mark.parametrize(
    ("url", "parts", "says"),
    [
        ("postgres://host/name", {"host": "h"}, "DATABASE_URL and DATABASE_HOST are set"),
        (None, {"password": "hush"}, "needs DATABASE_HOST, DATABASE_NAME, DATABASE_USER, too"),
        (None, {"host": "hush", "user": "u"}, "DATABASE_HOST, DATABASE_USER needs DATABASE_NAME"),
        (None, {"host": "h", "name": "n", "user": "u", "password": "hush\udcff"}, "not UTF-8"),
    ],
)
def test_parts_that_name_no_database_are_refused_without_their_values(
    url: str | None, parts: dict[str, str], says: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match=says) as caught:
        settings_of_parts(url, **parts)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("disabled", [False, True])
def test_server_side_cursors_can_be_disabled_for_a_pooler(disabled: bool) -> None:  # noqa: FBT001
    settings = database_settings(
        "postgres://host/name",
        embedded_directory=Path("/nowhere/postgres"),
        disable_server_side_cursors=disabled,
    )
    assert settings["DISABLE_SERVER_SIDE_CURSORS"] is disabled


@pytest.mark.parametrize("name", ['a"b', "a,b", "a$b", "a`b", "a\\b", "a\nb", "a\rb", "a\udcffb"])
def test_a_directory_that_postgresql_cannot_use_is_refused_on_one_line(name: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="TICKETS_VAR_DIR") as caught:
        database_settings(None, embedded_directory=Path("/nowhere") / name / "postgres")
    assert str(caught.value).isprintable()
    assert str(caught.value).isascii()
