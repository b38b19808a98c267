"""What is concluded from a server's answers about a statement that says nothing."""

from typing import Any

import pytest

from token_rotation.postgres.silence.backends import Answer, Backend, Look, Refused, Unanswered
from token_rotation.postgres.silence.bounds import SilenceBounds
from token_rotation.postgres.silence.judge import Act, Finding, Judge, with_patience

BOUNDS = SilenceBounds(
    unanswered_seconds=20.0, settled_seconds=3.0, lifeless_seconds=30.0, standby_seconds=60.0
)
SENT_AT = 100.0
PID = 4711


def backend(state: str | None = "active", **fields: Any) -> Backend:
    usual: dict[str, Any] = {"wait_type": None, "wait": None, "blockers": (), "progress": ""}
    return Backend(PID, state, **{**usual, **fields})


def answer(*backends: Backend) -> Answer:
    return Answer(backends, "ghost")


STANDBY = answer(backend(wait_type="IPC", wait="SyncRep"))
WORKING = answer(backend())


def heard(*looks: tuple[float, Look], bounds: SilenceBounds = BOUNDS) -> list[Finding]:
    """Findings for looks, each with its time since the statement was sent."""
    judge = Judge(bounds, PID, SENT_AT)
    return [judge.hear(look, SENT_AT + at, SENT_AT + at) for at, look in looks]


def acts(*looks: tuple[float, Look], bounds: SilenceBounds = BOUNDS) -> list[Act]:
    return [finding.act for finding in heard(*looks, bounds=bounds)]


@pytest.mark.parametrize(
    ("look", "seconds", "act"),
    [
        (Unanswered(), BOUNDS.unanswered_seconds, Act.CUT),
        (answer(), BOUNDS.settled_seconds, Act.CUT),
        (answer(backend("idle")), BOUNDS.settled_seconds, Act.CUT),
        (answer(backend("idle in transaction (aborted)")), BOUNDS.settled_seconds, Act.CUT),
        (WORKING, BOUNDS.lifeless_seconds, Act.QUESTION),
        (answer(backend(None)), BOUNDS.lifeless_seconds, Act.QUESTION),
        (Refused("too many clients"), BOUNDS.lifeless_seconds, Act.QUESTION),
        (STANDBY, BOUNDS.standby_seconds, Act.END_STANDBY_WAIT),
    ],
)
def test_each_case_is_waited_for_as_long_as_its_bound_and_no_longer(
    look: Look, seconds: float, act: Act
) -> None:
    times = [2.0, 2.0 + seconds / 2, 2.0 + seconds - 0.01, 2.0 + seconds]
    assert acts(*((at, look) for at in times)) == [Act.WAIT, Act.WAIT, Act.WAIT, act]


def test_a_case_that_was_left_begins_anew() -> None:
    for look in (Unanswered(), answer(), STANDBY, WORKING):
        other = Refused("too many clients")
        assert acts((2, look), (3, other), (500, look), (501, look)) == [Act.WAIT] * 4


def test_a_server_that_refuses_to_tell_lives_and_its_reason_is_said() -> None:
    (finding,) = heard((2, Refused("too many clients")))
    assert "the server lives" in finding.sentence
    assert "too many clients" in finding.sentence


@pytest.mark.parametrize(
    "change",
    [{"progress": "(4711,5,db,16400,2,100,7)"}, {"wait_type": "IO", "wait": "DataFileRead"}],
)
def test_whatever_changes_is_a_sign_of_life(change: dict[str, Any]) -> None:
    looks = [(2 + 20.0 * n, answer(backend(**(change if n % 2 else {})))) for n in range(20)]
    assert set(acts(*looks)) == {Act.WAIT}


def test_a_wait_for_somebodys_lock_is_no_lack_of_life() -> None:
    waits = answer(backend(wait_type="Lock", wait="relation", blockers=(12,)))
    findings = heard((2, waits), (9999, waits))
    assert [finding.act for finding in findings] == [Act.WAIT] * 2
    assert findings[1].sentence == "a statement waits for 9999 s for a lock that pid 12 has"


def test_a_backend_that_proved_alive_gets_more_time() -> None:
    looks = ((2.0, WORKING), (2.0 + BOUNDS.lifeless_seconds, WORKING))
    assert acts(*looks, bounds=with_patience(BOUNDS, 2.0)) == [Act.WAIT] * 2


def test_behind_a_pooler_one_working_backend_of_the_name_is_enough() -> None:
    idle = Backend(1, "idle", "Client", "ClientRead", (), "")
    assert acts((2, answer(idle, backend())), (9, answer(idle, backend()))) == [Act.WAIT] * 2


def test_the_sentence_for_a_standby_says_what_is_safe_and_what_to_do() -> None:
    (finding,) = heard((2, STANDBY))
    assert finding.sentence.startswith("COMMIT waits for a synchronous standby")
    assert "synchronous_standby_names = 'ghost'" in finding.sentence
    assert "committed on this server" in finding.sentence
    assert "Start that standby" in finding.sentence
