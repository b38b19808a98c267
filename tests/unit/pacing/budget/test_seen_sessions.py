"""Others are the other clients of this database, and not the rotation's own sessions."""

import pytest

from token_rotation.pacing.budget.queues import Sessions
from token_rotation.pacing.budget.seen_sessions import SeenSession, number_of_this, others_among

HERE, ELSEWHERE = 1, 2
PROBE = SeenSession(
    is_this=True,
    database=HERE,
    role=10,
    application="rotate_tokens",
    kind="client backend",
    state="active",
    wait_type=None,
    wait_event=None,
    statement_number=77,
)
OTHER = PROBE._replace(is_this=False, application="gunicorn", statement_number=5)
OWN = {"rotate_tokens"}


def test_a_session_at_work_counts_and_the_probe_does_not() -> None:
    assert others_among([PROBE, OTHER, OTHER], OWN) == Sessions(at_work=2)
    assert others_among([PROBE], OWN) == Sessions()


@pytest.mark.parametrize(
    "stranger",
    [
        OTHER._replace(application="rotate_tokens"),
        OTHER._replace(database=ELSEWHERE),
        OTHER._replace(database=None),
        OTHER._replace(role=None),
        OTHER._replace(kind="parallel worker"),
        OTHER._replace(kind="walsender"),
    ],
)
def test_own_sessions_other_databases_and_the_servers_own_processes_do_not_count(
    stranger: SeenSession,
) -> None:
    assert others_among([stranger, PROBE], OWN) == Sessions()


@pytest.mark.parametrize("state", [None, "disabled"])
def test_one_whose_state_nobody_may_see_is_hidden(state: str | None) -> None:
    assert others_among([PROBE, OTHER._replace(state=state)], OWN) == Sessions(hidden=1)


def test_one_without_a_name_is_another() -> None:
    assert others_among([PROBE, OTHER._replace(application=None)], OWN) == Sessions(at_work=1)


@pytest.mark.parametrize(
    ("wait_type", "wait_event", "waits"),
    [
        ("Lock", "transactionid", True),
        ("LWLock", "BufferContent", True),
        ("BufferPin", "BufferPin", True),
        ("Buffer", "BufferExclusive", True),
        ("IO", "WALSync", True),
        ("IO", "WalSync", True),
        ("IO", "WalWrite", True),
        ("IO", "DataFileRead", False),
        ("Client", "ClientRead", False),
        (None, None, False),
    ],
)
def test_it_waits_for_a_lock_a_buffer_or_the_wal(
    wait_type: str | None, wait_event: str | None, *, waits: bool
) -> None:
    seen = OTHER._replace(wait_type=wait_type, wait_event=wait_event)
    assert others_among([PROBE, seen], OWN) == Sessions(at_work=1, waiting=int(waits))


def test_the_number_of_the_probes_own_statement_is_told_apart() -> None:
    assert number_of_this([OTHER, PROBE]) == 77
    assert number_of_this([PROBE._replace(statement_number=None)]) is None
