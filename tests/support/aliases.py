"""A database alias of a test's own."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import dj_database_url
from django.db import connections


def lead_alias(name: str, url: str) -> None:
    """Let the alias lead to the database of ``url`` from the next connection on."""
    known = {**connections.settings, name: dict(dj_database_url.parse(url))}
    connections.settings[name] = connections.configure_settings(known)[name]
    with suppress(AttributeError):  # no connection was made under the alias
        del connections[name]


@contextmanager
def alias_of(name: str, url: str) -> Iterator[str]:
    """The alias, while inside."""
    lead_alias(name, url)
    yield name
    with suppress(AttributeError):
        del connections[name]
    del connections.settings[name]
