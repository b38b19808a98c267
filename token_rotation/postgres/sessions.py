"""The sessions that a process opens from now on, through Django's connections.

Their names tell sessions of workers and rotations from those of people who wait for an answer.
"""

from collections.abc import Iterator
from typing import Any

from django.db import connections

from token_rotation.events import Observer
from token_rotation.postgres.silence.bounds import OTHERS_WORK
from token_rotation.postgres.silence.watched import WatchedConnections

APPLICATION_NAME = "batch worker"


def name_sessions(name: str = APPLICATION_NAME) -> None:
    """Name every PostgreSQL connection that this process opens.

    It holds from now on.

    As a start-up option: a SET would stay behind in a session that a pooler gives to others.
    """
    for options in _options():
        options["application_name"] = name


def watch_sessions(observe: Observer) -> None:
    """Let no PostgreSQL connection that this process opens wait for a server that is lost.

    It holds from now on, where a connection has no factory of its own. A statement may take as long
    as it likes. ``observe`` hears, from another thread, what one without an answer waits for.
    """
    for options in _options():
        options.setdefault("connection_factory", WatchedConnections(OTHERS_WORK, observe))


def _options() -> Iterator[dict[str, Any]]:
    for alias in connections:
        if connections[alias].vendor == "postgresql":
            yield connections[alias].settings_dict["OPTIONS"]
