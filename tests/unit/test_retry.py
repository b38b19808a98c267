"""Which faults are tried again, and how long the waits are."""

import pytest

from token_rotation.postgres.sqlstate import Backoff, Fault, classify


@pytest.mark.parametrize(
    ("sqlstate", "fault"),
    [
        ("55P03", Fault.LOCKED),
        ("40P01", Fault.CONTENTION),
        ("40001", Fault.CONTENTION),
        ("57014", Fault.TIMED_OUT),
        ("57P01", Fault.CONNECTION),
        ("57P03", Fault.CONNECTION),
        ("08006", Fault.CONNECTION),
        ("53300", Fault.CONNECTION),
        (None, Fault.CONNECTION),
        ("23505", Fault.DUPLICATE_TOKEN),
        ("42501", Fault.FATAL),
        ("22P02", Fault.FATAL),
        ("53100", Fault.FATAL),
        ("XX001", Fault.FATAL),
    ],
)
def test_sqlstate_decides_the_fault(sqlstate: str | None, fault: Fault) -> None:
    assert classify(sqlstate) is fault


def test_waits_double_up_to_the_longest_and_are_spread_by_jitter() -> None:
    backoff = Backoff(60, first_seconds=0.1, longest_seconds=1.0)
    longest = [backoff.delay_seconds(attempt, lambda: 1.0) for attempt in range(1, 7)]
    assert longest == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0])
    assert backoff.delay_seconds(4, lambda: 0.0) == pytest.approx(0.4)


def test_the_thousandth_attempt_has_a_wait_too() -> None:
    assert Backoff(60).delay_seconds(1000, lambda: 1.0) == 5.0
