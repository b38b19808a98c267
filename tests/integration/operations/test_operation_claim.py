"""One attempt at a time, under real concurrency."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from tests.support.racing import at_once
from token_rotation.operations.errors import (
    AlreadyTakenError,
    ClaimLostError,
    GoneError,
    WorkersLostError,
)
from token_rotation.operations.execution.claim import WAITING, Claim
from token_rotation.operations.execution.take import take
from token_rotation.operations.lifecycle import Result, Status
from token_rotation.operations.models import BatchOperation

pytestmark = pytest.mark.django_db(transaction=True)

operations = BatchOperation.objects


def silent(claim: Claim) -> Claim:
    """The claim of an attempt that has not been heard of for a day."""
    operations.filter(pk=claim.operation.pk).update(heartbeat_at=Now() - timedelta(days=1))
    return claim


def taken() -> Claim:
    return take(operations.create_asynchronous("mail").pk, "first")


def test_of_a_hundred_attempts_one_takes_a_new_operation() -> None:
    operation = operations.create_asynchronous("mail")

    answers = at_once(100, lambda number: take(operation.pk, f"attempt {number}"))

    assert [type(answer) for answer in answers].count(Claim) == 1
    assert [type(answer) for answer in answers].count(AlreadyTakenError) == 99


def test_of_a_hundred_attempts_one_takes_the_place_of_a_dead_one() -> None:
    claim = silent(taken())

    answers = at_once(100, lambda number: take(claim.operation.pk, f"attempt {number}"))

    assert [type(answer) for answer in answers].count(Claim) == 1
    assert operations.get().output_data == {"losses": 1}


def test_an_attempt_that_was_replaced_can_write_nothing() -> None:
    old = silent(taken())
    take(old.operation.pk, "second")
    before = operations.values().get()

    for write in (
        old.beat,
        lambda: old.store({"action": "a", "status": "successful"}),
        old.hand_back,
        old.lose,
        old.succeed,
        old.fail,
    ):
        with pytest.raises(ClaimLostError):
            write()

    assert operations.values().get() == before


def test_an_operation_that_was_handed_back_is_free_at_once() -> None:
    claim = taken()

    claim.hand_back({"action": "a", "status": "failed"})

    assert operations.get().runner == WAITING
    again = take(claim.operation.pk, "second")
    assert again.results.failed == ("a",)


def test_a_failure_does_not_replace_a_success_whose_commit_got_no_answer() -> None:
    claim = taken()
    claim.store({"action": "a", "status": "successful", "value": 1})

    claim.hand_back({"action": "a", "status": "failed"})

    again = take(claim.operation.pk, "second")
    assert [(each.name, each.failed, each.value) for each in again.results] == [("a", False, 1)]


def test_the_same_attempt_may_take_it_again() -> None:
    claim = taken()

    assert take(claim.operation.pk, "first").operation == claim.operation


def test_an_operation_that_lost_too_many_workers_is_finished_as_failed(settings: object) -> None:
    settings.OPERATIONS_MAX_LOSSES = 1
    claim = silent(taken())
    silent(take(claim.operation.pk, "second"))

    with pytest.raises(WorkersLostError, match="has lost 2 workers"):
        take(claim.operation.pk, "third")

    operation = operations.get()
    assert (operation.status, operation.result) == (Status.FINISHED, Result.FAILED)


def test_what_was_cancelled_or_has_finished_or_is_no_workers_is_left_alone() -> None:
    finished = taken()
    finished.succeed()
    by_hand = operations.create_synchronous("mail")
    silent(Claim(by_hand, ""))

    for number in (finished.operation.pk, by_hand.pk, by_hand.pk + 1):
        with pytest.raises(GoneError):
            take(number, "second")
