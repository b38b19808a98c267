"""How long a server may say nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class SilenceBounds:
    """Bounds in seconds for a statement without an answer.

    After ``ask_after_seconds`` a second connection asks about it, then ``ask_every_seconds``. A
    question that has no answer after ``answer_seconds`` is asked again, on a new connection.

    The connection counts as lost when nothing answers for ``unanswered_seconds``, or when the
    server says for ``settled_seconds`` that it has answered or that the backend is gone. A backend
    that works, and shows no change for ``lifeless_seconds``, gets a cancel request: a live one
    answers, and the statement is repeated with twice the time. So does one about which the server
    refuses to be asked. ``standby_seconds`` bounds the wait of a COMMIT for a synchronous standby.
    A statement that was cancelled must end in ``cancelled_seconds``.

    Behind a pooler, ``pooler_seconds`` replace the bounds of an answer: there a question may wait
    for a free connection. PgBouncer's own bound for that, query_wait_timeout, is 120 s by default.
    """

    ask_after_seconds: float = 2.0
    ask_every_seconds: float = 1.0
    answer_seconds: float = 5.0
    unanswered_seconds: float = 20.0
    settled_seconds: float = 3.0
    lifeless_seconds: float = 30.0
    standby_seconds: float = 60.0
    cancelled_seconds: float = 2.0
    pooler_seconds: float = 180.0

    def behind_pooler(self) -> SilenceBounds:
        seconds = self.pooler_seconds
        return replace(self, answer_seconds=seconds, unanswered_seconds=seconds)


USUAL = SilenceBounds()

OTHERS_WORK = replace(
    USUAL, ask_after_seconds=10.0, lifeless_seconds=float("inf"), standby_seconds=float("inf")
)
"""For statements of other code, such as an application's actions in a worker.

Only what is lost ends. How long they may take, and what their COMMITs wait for, is not ours.
"""

LONG_WORK = replace(USUAL, lifeless_seconds=3600.0)
"""For VACUUM, REINDEX and looks at whole tables.

Sorting, joining and reading in memory show no change, nor does a leader that waits for parallel
workers, and a repetition is expensive.
"""
