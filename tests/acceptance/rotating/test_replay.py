"""What a process did not live to tell is told again from the data."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.leaked import assert_each_token_changed_once, leak, value
from tests.support.manage import Manage

NOW = "SELECT clock_timestamp()"


@pytest.fixture
def tickets(database_url: str, connect: Callable[[str], Any]) -> Any:
    return connect(database_url)


@pytest.fixture
def listening(tmp_path: Path) -> dict[str, str]:
    heard = tmp_path / "heard"
    return {"DJANGO_SETTINGS_MODULE": "tests.projects.listening.settings", "HEARD": str(heard)}


def heard_in(listening: dict[str, str]) -> list[list[int]]:
    lines = Path(listening["HEARD"]).read_text().splitlines()
    return [json.loads(line) for line in lines]


def keys_of(heard: list[list[int]]) -> list[int]:
    return sorted(key for keys in heard for key in keys)


def test_killed_between_a_commit_and_its_signal_a_replay_tells_what_was_missed(
    manage: Manage, database_url: str, tickets: Any, listening: dict[str, str]
) -> None:
    leak(tickets, 500)
    since = value(tickets, NOW).isoformat()
    words = ("rotate_tokens", "--batch-rows", "100")
    killed = manage(*words, database_url=database_url, env={**listening, "END_AT": "3"})
    assert killed.returncode == -9
    assert manage(*words, database_url=database_url, env=listening).returncode == 0
    assert_each_token_changed_once(tickets)
    assert keys_of(heard_in(listening)) == [*range(1, 201), *range(301, 501)]

    replay = manage(
        "replay_rotated_tokens", "--since", since, database_url=database_url, env=listening
    )
    assert (replay.returncode, replay.stderr) == (0, "")
    assert replay.stdout.startswith("tickets.Ticket: 500 keys of rows with a token issued since ")
    assert "sent in 1 signal." in replay.stdout
    assert heard_in(listening)[-1] == list(range(1, 501))
    assert_each_token_changed_once(tickets)


def test_what_receivers_ask_of_the_database_is_no_traffic_to_give_way_to(
    manage: Manage, database_url: str, tickets: Any, listening: dict[str, str], tmp_path: Path
) -> None:
    leak(tickets, 10)
    session = tmp_path / "session"
    env = {**listening, "SESSION": str(session)}
    assert manage("rotate_tokens", database_url=database_url, env=env).returncode == 0
    assert session.read_text() == "rotate_tokens"  # the name that a rotation pays no regard to


def test_a_receiver_that_fails_is_counted_and_named_without_its_words(
    manage: Manage, database_url: str, tickets: Any, listening: dict[str, str]
) -> None:
    leak(tickets, 20)
    env = {**listening, "FAIL": "yes"}
    rotated = manage("rotate_tokens", "--batch-rows", "5", database_url=database_url, env=env)
    assert rotated.returncode == 0
    replay = manage(
        "replay_rotated_tokens", "--since", "1h ago", database_url=database_url, env=env
    )
    assert replay.returncode == 3
    assert "Receivers failed 1 time;" in replay.stdout
    for said in (rotated.stderr, replay.stderr):
        assert "tests.projects.listening.apps.write_down failed with RuntimeError" in said
        assert "no mail" not in said


REFUSED = [
    (("1h ago",), "Nobody listens to the signal tokens_rotated of tickets.Ticket"),
    (("tomorrow",), "--since 'tomorrow' is not a time"),
    (("2999-01-01T00:00",), "is in the future"),
    (("1h ago", "--finish"), "unrecognized arguments: --finish"),
    (("1h ago", "--where", "status=open"), "unrecognized arguments: --where"),
    (("1h ago", "--report"), "unrecognized arguments: --report"),
]


def test_what_cannot_be_replayed_is_said_in_one_line(manage: Manage, database_url: str) -> None:
    commands = [("replay_rotated_tokens", "--since", *words) for words, _ in REFUSED]
    refusals = manage.each(*commands, database_url=database_url)
    for refused, (_, line) in zip(refusals, REFUSED, strict=True):
        assert refused.returncode == 1
        assert line in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
