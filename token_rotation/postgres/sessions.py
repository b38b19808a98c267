"""The sessions that a process opens from now on, through Django's connections.

Their names tell sessions of workers and rotations from those of people who wait for an answer.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from weakref import WeakSet

from django.db import connections

from token_rotation.events import Observer
from token_rotation.postgres import driver
from token_rotation.postgres.silence.bounds import OTHERS_WORK, USUAL, SilenceBounds
from token_rotation.postgres.silence.watched import Watch, WatchedConnections

APPLICATION_NAME = "batch worker"

OPERATORS_WORK = replace(OTHERS_WORK, ask_after_seconds=USUAL.ask_after_seconds)
"""For commands of others in front of a person, such as Django's migrate.

A statement may take as long as it likes, and the person hears soon what it waits for. So may a
COMMIT that waits for a standby: after one that was given up, migrate would not record the
migration that it has applied.
"""


def name_sessions(name: str = APPLICATION_NAME) -> None:
    """Name every PostgreSQL connection that this process opens.

    It holds from now on.

    As a start-up option: a SET would stay behind in a session that a pooler gives to others.
    """
    for settings in _settings():
        settings["OPTIONS"]["application_name"] = name


def watch_sessions(
    observe: Observer, bounds: SilenceBounds = OTHERS_WORK, *, works_long: bool = False
) -> Callable[[], None]:
    """Let no PostgreSQL connection that this process opens wait for a server that is lost.

    It holds from now on, where a connection has no factory of its own. ``observe`` hears, from
    another thread, what a statement without an answer waits for; with ``works_long`` nothing of
    one that works.

    Returns a function that cancels the statements in flight, whatever they wait for. It returns at
    once, and any thread or signal handler may call it.
    """
    watched = _Remembered(bounds, observe, works_long=works_long)
    for settings in _settings():
        driver.hook(settings, watched)
    return watched.end_statements


class _Remembered(WatchedConnections):
    """Watched connections, each as long as others have it."""

    def __init__(self, bounds: SilenceBounds, observe: Observer, *, works_long: bool) -> None:
        super().__init__(bounds, observe)
        self._works_long = works_long
        self._made: WeakSet[Watch] = WeakSet()

    def __call__(self, raw: Any) -> Watch:
        made = super().__call__(raw)
        made.session.works_long = self._works_long
        self._made.add(made)
        return made

    def end_statements(self) -> None:
        for each in list(self._made):
            each.end_statement()


def _settings() -> Iterator[dict[str, Any]]:
    for alias in connections:
        if connections[alias].vendor == "postgresql":
            yield connections[alias].settings_dict
