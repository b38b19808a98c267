"""A look may work for long without a sign of it."""

from token_rotation.postgres.look_connection import LookConnection
from token_rotation.postgres.silence.backends import Answer, Backend
from token_rotation.postgres.silence.judge import Act, Judge

WORKING = Answer((Backend(7, "active", "IPC", "ExecuteGather", (), ""),))


def test_a_count_of_half_an_hour_that_shows_no_change_is_not_cancelled() -> None:
    judge = Judge(LookConnection("default")._bounds, 7, 0.0)
    acts = [judge.hear(WORKING, second, second).act for second in range(2, 1801)]
    assert set(acts) == {Act.WAIT}
