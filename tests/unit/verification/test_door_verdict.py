"""Answers at the door are an all-clear only if the controls hold and nothing is unknown."""

import pytest

from token_rotation.verification.door.answer import Answer, Reply, reply_of_status
from token_rotation.verification.door.options import REFUSED
from token_rotation.verification.door.tally import Tally
from token_rotation.verification.door.verdict import Control, DoorVerdict

NO, YES, BUSY = (
    Reply(Answer.REFUSED, "404"),
    Reply(Answer.OPEN, "200"),
    Reply(Answer.UNKNOWN, "429"),
)
RANDOM, GOOD = Control(is_good=False, reply=NO), Control(is_good=True, reply=YES)


def verdict(
    *replies: Reply, wanted: int | None = None, controls: tuple[Control, ...]
) -> DoorVerdict:
    tally = Tally()
    for reply in replies:
        tally.add(reply)
    return DoorVerdict(1000, len(replies) if wanted is None else wanted, tally, controls)


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        *((status, Answer.REFUSED) for status in (401, 403, 404, 410)),
        *((status, Answer.OPEN) for status in (200, 204, 301, 302)),
        *((status, Answer.UNKNOWN) for status in (100, 400, 405, 429, 500, 503)),
    ],
)
def test_what_a_status_means(status: int, answer: Answer) -> None:
    assert reply_of_status(status, frozenset(REFUSED)) == Reply(answer, str(status))


def test_a_named_status_is_a_refusal_and_then_no_other_is() -> None:
    assert reply_of_status(302, frozenset({302})).answer is Answer.REFUSED
    assert reply_of_status(404, frozenset({302})).answer is Answer.UNKNOWN


def test_all_refused_with_both_controls_is_the_all_clear() -> None:
    found = verdict(NO, NO, controls=(RANDOM, GOOD, RANDOM, GOOD))
    assert (found.all_refused, found.some_open) == (True, False)
    assert list(found.sentences("l")) == [
        "l: tried 2 of 1,000 leaked tokens: 2 refused, 0 open, 0 without a clear answer.",
        "No tried token opens anything.",
    ]


def test_refusals_of_a_door_that_nobody_saw_open_are_not_known() -> None:
    found = verdict(NO, controls=(RANDOM, RANDOM))
    assert (found.all_refused, found.some_open, found.is_not_known) == (False, False, True)
    (line,) = list(found.sentences("l"))[1:]
    assert line.startswith("Not known: no valid token was tried")
    assert line.endswith("Run it again with --known-good FILE.")


def test_unclear_answers_without_a_good_token_stay_unclear() -> None:
    found = verdict(NO, BUSY, controls=(RANDOM, RANDOM))
    assert (found.all_refused, found.some_open, found.is_not_known) == (False, False, False)
    assert "--known-good FILE" in list(found.sentences("l"))[-1]


def test_one_that_opens_is_no_all_clear() -> None:
    found = verdict(NO, YES, BUSY, controls=(RANDOM, GOOD))
    assert (found.all_refused, found.some_open) == (False, True)
    assert "still open the application" in list(found.sentences("l"))[1]


@pytest.mark.parametrize(
    ("replies", "wanted", "said"),
    [((NO, BUSY), 2, "Some answers tell nothing."), ((NO,), 5, "4 tokens of 5 were not tried.")],
)
def test_what_is_unknown_or_was_not_tried_is_no_all_clear(
    replies: tuple[Reply, ...], wanted: int, said: str
) -> None:
    found = verdict(*replies, wanted=wanted, controls=(RANDOM, GOOD))
    assert not found.all_refused
    assert not found.some_open
    assert said in list(found.sentences("l"))[1]


@pytest.mark.parametrize(
    "wrong",
    [
        Control(is_good=False, reply=YES),
        Control(is_good=False, reply=BUSY),
        Control(is_good=True, reply=NO),
        Control(is_good=True, reply=BUSY),
    ],
)
@pytest.mark.parametrize("reply", [NO, YES])
def test_a_control_that_fails_at_the_end_makes_all_answers_worthless(
    wrong: Control, reply: Reply
) -> None:
    found = verdict(reply, controls=(RANDOM, GOOD, wrong))
    assert (found.all_refused, found.some_open) == (False, False)
    assert "The door cannot tell" in list(found.sentences("l"))[1]


def test_answers_without_meaning_are_counted_by_what_they_were() -> None:
    found = verdict(BUSY, BUSY, Reply(Answer.UNKNOWN, "TimeoutError"), controls=(RANDOM,))
    (first, *_) = found.sentences("l")
    assert first.endswith("3 without a clear answer (2 x 429, 1 x TimeoutError).")
