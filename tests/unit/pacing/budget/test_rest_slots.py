"""Processes on many machines rest at the same times of the server's clock."""

import pytest

from token_rotation.pacing.budget.rest_slots import (
    LEAD_SECONDS,
    LONGEST_LEAD_SECONDS,
    LONGEST_SECONDS,
    PERIOD_SECONDS,
    PROBES_A_SLOT,
    PROBES_AT_FIRST,
    PROBES_WHILE_ALONE,
    RestSlots,
)

STEP_SECONDS = 0.01
SERVER_AT = 1_700_000_000.3


def beginnings(slots: RestSlots, ahead_seconds: float, seconds: float) -> list[float]:
    """The times of the server at which it begins to rest. No probe ends a slot."""
    found, was_on = list[float](), True
    for step in range(round(seconds / STEP_SECONDS)):
        at = SERVER_AT + step * STEP_SECONDS
        is_on = slots.is_on(at + ahead_seconds)
        if is_on and not was_on:
            found.append(at)
        was_on = is_on
    return found


def synced(ahead_seconds: float, *, round_trip: float = 0.001) -> RestSlots:
    """Slots that know the server's clock, of a process whose clock is ahead of it."""
    now = SERVER_AT + ahead_seconds
    slots = RestSlots(now)
    assert not slots.sync(SERVER_AT, now - round_trip / 2, now + round_trip / 2)
    assert slots.is_on(now)
    return slots


def test_processes_with_other_clocks_rest_at_the_same_times() -> None:
    found = beginnings(synced(0), 0, 20)
    assert len(found) == round(20 / PERIOD_SECONDS)
    assert all(at % PERIOD_SECONDS < 2 * STEP_SECONDS for at in found)
    for ahead in (-3600.75, -0.4, 1.01, 86_400.5):
        others = beginnings(synced(ahead), ahead, 20)
        assert others == pytest.approx(found, abs=1.5 * STEP_SECONDS)


def test_the_first_slot_begins_at_once_and_ends_after_its_probes() -> None:
    slots = RestSlots(50.0)
    for _ in range(PROBES_AT_FIRST):
        assert slots.is_on(50.1)
        assert slots.counts(50.0), "nobody was at work before"
        slots.probed()
    assert not slots.is_on(50.1)
    assert not slots.counts(50.1)


def test_later_slots_end_after_their_probes_or_their_longest_time() -> None:
    slots = synced(0)
    at = (SERVER_AT // PERIOD_SECONDS + 1) * PERIOD_SECONDS
    assert slots.is_on(at + 0.01)
    assert not slots.is_first
    for _ in range(PROBES_A_SLOT):
        assert slots.is_on(at + 0.1)
        slots.probed()
    assert not slots.is_on(at + 0.1), "after its probes"
    at += PERIOD_SECONDS
    assert slots.is_on(at + LONGEST_SECONDS - 0.01)
    assert not slots.is_on(at + LONGEST_SECONDS + 0.01), "without a probe"
    assert not slots.is_on(at + PERIOD_SECONDS - 0.01)


def test_a_probe_counts_once_the_last_batch_of_another_machine_is_over() -> None:
    slots = synced(0)
    at = (SERVER_AT // PERIOD_SECONDS + 1) * PERIOD_SECONDS
    assert slots.is_on(at + 0.01)
    assert not slots.counts(at - 0.01)
    assert not slots.counts(at + LEAD_SECONDS - 0.01)
    assert slots.counts(at + LEAD_SECONDS + 0.01)


def test_while_nobody_is_met_a_slot_has_fewer_probes() -> None:
    slots = synced(0)
    slots.is_alone = True
    at = (SERVER_AT // PERIOD_SECONDS + 1) * PERIOD_SECONDS
    for _ in range(PROBES_WHILE_ALONE):
        assert slots.is_on(at + 0.1)
        slots.probed()
    assert not slots.is_on(at + 0.1)


@pytest.mark.parametrize(
    ("batch_seconds", "lead"),
    [(0.001, LEAD_SECONDS), (0.2, 0.2), (60.0, LONGEST_LEAD_SECONDS)],
)
def test_where_batches_are_slow_a_probe_counts_later(batch_seconds: float, lead: float) -> None:
    slots = synced(0)
    slots.worked(batch_seconds)
    at = (SERVER_AT // PERIOD_SECONDS + 1) * PERIOD_SECONDS
    assert slots.seconds_to_probe(at - 1.0) == pytest.approx(1.0 + lead)
    assert slots.seconds_to_probe(at + 0.01) == pytest.approx(lead - 0.01)
    assert not slots.counts(at + lead - 0.001)
    assert slots.counts(at + lead + 0.001)
    assert slots.seconds_to_probe(at + lead + 0.001) == 0


def test_the_first_slots_probes_wait_for_nothing_and_no_other_is_known() -> None:
    slots = RestSlots(50.0)
    assert slots.seconds_to_probe(50.0) == 0
    assert slots.seconds_to_probe(52.0) == float("inf")


def test_without_the_servers_clock_there_is_no_slot_but_the_first() -> None:
    slots = RestSlots(50.0)
    assert slots.is_on(50.0)
    assert not slots.is_on(51.0)
    assert not slots.is_on(54.1)


@pytest.mark.parametrize("step_seconds", [-7200.7, -1.2, 1.2, 7200.7])
def test_a_step_of_the_servers_clock_is_told_and_followed(step_seconds: float) -> None:
    slots = synced(0)
    now = SERVER_AT + 1
    assert slots.sync(now + step_seconds, now, now + 0.003), "it has stepped"
    assert not slots.sync(now + step_seconds, now, now + 0.003), "and is known"
    found = beginnings(slots, -step_seconds, 20)
    assert found
    assert all(at % PERIOD_SECONDS < 2 * STEP_SECONDS for at in found)


def test_a_slow_answer_is_no_step_and_less_believed_than_a_quick_one() -> None:
    slots = synced(0, round_trip=0.001)
    now = SERVER_AT + 1
    assert not slots.sync(now, now, now + 2.0), "the server read its clock at the beginning"
    found = beginnings(slots, 0, 20)
    assert found
    assert all(at % PERIOD_SECONDS < 2 * STEP_SECONDS for at in found)
