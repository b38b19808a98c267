"""What a running rotation says of itself to those outside."""

from token_rotation.events import BatchDone, Event, Remark, Retrying, Waiting
from token_rotation.run.recording.live_status import LiveStatus
from token_rotation.selection.key_range import EVERY_KEY


def after(*events: Event) -> dict[str, object]:
    live_status = LiveStatus()
    for event in events:
        live_status.note(event)
    return live_status.as_json()


def batch(*, is_giving_way: bool = False) -> BatchDone:
    return BatchDone(EVERY_KEY, 10, 0, 0.1, 15, is_giving_way)


def test_before_the_first_batch_nothing_is_known() -> None:
    assert after() == {"waiting_for": None, "batch_rows": None, "is_giving_way": False}


def test_a_wait_lasts_until_the_next_batch() -> None:
    waiting = Waiting("replica lag 4.2 s")
    assert after(batch(), waiting)["waiting_for"] == "replica lag 4.2 s"
    assert after(batch(), waiting, Remark("VACUUM begins"))["waiting_for"] == "replica lag 4.2 s"
    assert after(waiting, batch(is_giving_way=True)) == {
        "waiting_for": None,
        "batch_rows": 15,
        "is_giving_way": True,
    }


def test_a_retry_is_a_wait() -> None:
    assert after(Retrying("DeadlockDetected (40P01)", 2, 0.5))["waiting_for"] == (
        "retry 2: DeadlockDetected (40P01)"
    )
