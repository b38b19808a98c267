"""The database settings: DATABASE_URL, or its parts, or else an embedded server."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from tickets.config.embedded import DATABASE_NAME
from tickets.config.embedded.errors import ClusterError

CONNECT_TIMEOUT_SECONDS = 10

_EXPECTED = "expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
_MALFORMED = f"DATABASE_URL is malformed: {_EXPECTED}, with special characters percent-encoded"


@dataclass(frozen=True, slots=True)
class DatabaseParts:
    """The parts of a connection, each as it is: nothing is percent-encoded.

    Empty ones are not set. ``port`` 0 stands for PostgreSQL's own.
    """

    host: str = ""
    port: int = 0
    name: str = ""
    user: str = ""
    password: str = ""


def database_settings(
    url: str | None,
    parts: DatabaseParts | None = None,
    *,
    embedded_directory: Path,
    disable_server_side_cursors: bool = False,
) -> dict[str, Any]:
    """Return one entry of DATABASES.

    Connects to nothing and starts nothing. ``disable_server_side_cursors`` is for a pooler in front
    of the server.

    Raises ImproperlyConfigured, whose message holds no part of ``url`` or ``parts``.
    """
    if parts is not None and parts != DatabaseParts():
        return _from_parts(url, parts, disable_server_side_cursors=disable_server_side_cursors)
    if url is None:
        return _embedded(embedded_directory)
    if not url.strip():
        raise ImproperlyConfigured(
            "DATABASE_URL is set but empty: unset it to use the embedded server, or fill it in;"
            f" {_EXPECTED}"
        )
    return _from_url(url.strip(), disable_server_side_cursors=disable_server_side_cursors)


def _embedded(directory: Path) -> dict[str, Any]:
    # Slow to import, and not needed with DATABASE_URL.
    from tickets.config.embedded.cluster import PostgresCluster  # noqa: PLC0415

    try:
        cluster = PostgresCluster(directory)
    except ClusterError as error:
        raise ImproperlyConfigured(str(error)) from error
    return {
        "ENGINE": "tickets.config.embedded",
        "DIRECTORY": directory,
        "NAME": DATABASE_NAME,
        "USER": cluster.user,
        "HOST": str(cluster.socket_directory),
        "PORT": str(cluster.port),
    }


def _from_parts(
    url: str | None, parts: DatabaseParts, *, disable_server_side_cursors: bool
) -> dict[str, Any]:
    given = [field.name for field in fields(parts) if getattr(parts, field.name)]
    if url is not None:
        raise ImproperlyConfigured(
            f"DATABASE_URL and {_variables(given)} are set, and may name two databases: unset one"
        )
    missing = [name for name in ("host", "name", "user") if name not in given]
    if missing:
        raise ImproperlyConfigured(f"{_variables(given)} needs {_variables(missing)}, too")
    texts = (parts.host, parts.name, parts.user, parts.password)
    if any(text.encode(errors="ignore").decode() != text for text in texts):
        raise ImproperlyConfigured(f"{_variables(given)}: a value is not UTF-8")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": parts.host,
        "PORT": str(parts.port or ""),
        "NAME": parts.name,
        "USER": parts.user,
        "PASSWORD": parts.password,
        "DISABLE_SERVER_SIDE_CURSORS": disable_server_side_cursors,
        "OPTIONS": {"connect_timeout": CONNECT_TIMEOUT_SECONDS},
    }


def _variables(names: list[str]) -> str:
    return ", ".join(f"DATABASE_{name.upper()}" for name in names)


def _from_url(url: str, *, disable_server_side_cursors: bool) -> dict[str, Any]:
    # libpq accepts neither NUL nor bytes that are not UTF-8, and its error would hold the URL.
    if "\0" in unquote(url) or url.encode(errors="ignore").decode() != url:
        raise ImproperlyConfigured(_MALFORMED)
    try:
        scheme, netloc = urlsplit(url)[:2]
        if scheme not in ("postgres", "postgresql"):
            raise ImproperlyConfigured(
                f"DATABASE_URL does not name a PostgreSQL server: {_EXPECTED}"
            )
        # dj_database_url's types know its result as a TypedDict with optional keys only.
        settings: dict[str, Any] = {
            **dj_database_url.parse(url, disable_server_side_cursors=disable_server_side_cursors)
        }
    except ValueError:
        # Message and cause must not be shown: both can hold the password.
        raise ImproperlyConfigured(_MALFORMED) from None
    options = settings.setdefault("OPTIONS", {})
    host = unquote(netloc.rpartition("@")[2])
    if host.startswith("/"):  # a socket directory, which URL parsing has put into lower case
        settings["HOST"] = host
    for name in ("host", "port"):
        if name in options:
            settings[name.upper()] = str(options.pop(name))
    if not settings["NAME"]:
        raise ImproperlyConfigured(f"DATABASE_URL names no database: {_EXPECTED}")
    options.setdefault("connect_timeout", CONNECT_TIMEOUT_SECONDS)
    return settings
