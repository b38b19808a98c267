"""What a running rotation says of itself to those outside."""

from token_rotation.events import BatchDone, Event, Remark, Retrying, Waiting
from token_rotation.run.recording.live_status import LiveStatus
from token_rotation.selection.key_range import EVERY_KEY


def after(*events: Event) -> dict[str, object]:
    live_status = LiveStatus()
    for event in events:
        live_status.note(event)
    return live_status.as_json()


def batch(giving_way_because: str = "") -> BatchDone:
    return BatchDone(EVERY_KEY, 10, 0, 0.1, 15, giving_way_because)


def test_before_the_first_batch_nothing_is_known() -> None:
    assert after() == {"waiting_for": None, "batch_rows": None, "giving_way_because": ""}


def test_a_wait_lasts_until_the_next_batch() -> None:
    waiting = Waiting("replica lag 4.2 s")
    assert after(batch(), waiting)["waiting_for"] == "replica lag 4.2 s"
    assert after(batch(), waiting, Remark("VACUUM begins"))["waiting_for"] == "replica lag 4.2 s"
    assert after(waiting, batch("probe +4 ms of 5")) == {
        "waiting_for": None,
        "batch_rows": 15,
        "giving_way_because": "probe +4 ms of 5",
    }


def test_a_retry_is_a_wait() -> None:
    assert after(Retrying("DeadlockDetected (40P01)", 2, 0.5))["waiting_for"] == (
        "retry 2: DeadlockDetected (40P01)"
    )
