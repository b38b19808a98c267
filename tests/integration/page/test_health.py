"""Alive is the process, ready is the site: each part that keeps it from serving is one word."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from token_rotation.metrics import readiness as health
from token_rotation.metrics.readiness import Readiness, failing_parts
from token_rotation.selection.target import Target

ALIAS = "rotated"


def test_a_migrated_and_guarded_database_is_ready(target: Target) -> None:
    assert failing_parts(ALIAS) == ()


@pytest.mark.parametrize(
    ("damage", "failing"),
    [
        ("DELETE FROM django_migrations WHERE app = 'tickets' AND name LIKE '0009%'", "migrations"),
        ("ALTER TABLE tickets_ticket DISABLE TRIGGER USER", "guard"),
        ("DROP INDEX tickets_ticket_pending", "guard"),
        ("DROP TABLE django_migrations", "migrations"),
        ("ALTER TABLE tickets_ticket RENAME TO hidden", "guard"),
    ],
)
def test_damage_is_one_word(target: Target, tickets: Any, damage: str, failing: str) -> None:
    tickets.cursor().execute(damage)
    assert failing_parts(ALIAS) == (failing,)


def test_a_squashed_migration_is_applied_when_those_it_replaces_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, two, squashed = ("app", "0001"), ("app", "0002"), ("app", "0001_squashed_0002")
    known = {one: frozenset(), two: frozenset(), squashed: frozenset({one, two})}
    monkeypatch.setattr(health, "disk_migrations", lambda: known)

    assert all(health._is_applied(key, {one, two}) for key in known)
    assert all(health._is_applied(key, {squashed}) for key in known)
    assert [health._is_applied(key, {one}) for key in known] == [True, False, False]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Accepts connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.parametrize("answers", [False, True], ids=["nobody listens", "nobody answers"])
def test_a_database_that_cannot_be_reached_is_one_word(
    target: Target,
    silent_port: int,
    answers: bool,  # noqa: FBT001
) -> None:
    settings = connections.settings[ALIAS]
    settings["HOST"], settings["PORT"] = "127.0.0.1", str(silent_port if answers else 1)
    assert failing_parts(ALIAS) == ("database",)


def test_a_database_that_does_not_answer_in_time_is_one_word(
    target: Target, other: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "STATEMENT_MS", 50)
    other.cursor().execute("LOCK TABLE django_migrations")
    assert failing_parts(ALIAS) == ("database",)


def test_however_often_it_is_asked_the_database_is_looked_at_once_a_second() -> None:
    looks: list[int] = []
    now = [0.0]

    def look() -> tuple[str, ...]:
        looks.append(1)
        return ("guard",)

    readiness = Readiness(look, lambda: now[0])
    assert [readiness.failing() for _ in range(100)] == [("guard",)] * 100
    assert len(looks) == 1
    now[0] = 1.0
    readiness.failing()
    assert len(looks) == 2


@pytest.mark.usefixtures("served")
def test_probes_answer_before_host_and_scheme_are_looked_at(
    client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    monkeypatch.setattr(health, "readiness", Readiness(lambda: ("database", "guard"), lambda: 0.0))
    ask: Callable[[str], Any] = lambda path: client.get(path, headers={"host": "10.1.2.3"})  # noqa: E731

    assert (ask("/healthz").status_code, ask("/healthz").json()) == (200, {"status": "ok"})
    not_ready = ask("/readyz")
    assert not_ready.status_code == 503
    assert not_ready.json() == {"status": "not ready", "failing": ["database", "guard"]}
    assert not_ready["Cache-Control"] == "no-store"
    assert client.post("/healthz").status_code == 405
