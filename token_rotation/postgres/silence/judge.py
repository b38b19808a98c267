"""Judge a statement that says nothing by what the server says about it.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto

from token_rotation.postgres.silence.backends import Answer, Backend, Look, Refused, Unanswered
from token_rotation.postgres.silence.bounds import SilenceBounds


class Act(Enum):
    """What is to be done with the statement."""

    WAIT = auto()
    QUESTION = auto()
    """Cancel it: a live backend answers that, and the statement is repeated."""
    END_STANDBY_WAIT = auto()
    """Cancel the wait of a COMMIT, which stays committed on this server."""
    CUT = auto()
    """Drop the connection: it counts as lost."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a statement waits for, in words for people, and what to do."""

    sentence: str
    act: Act = Act.WAIT
    is_work: bool = False


class Judge:
    """The judgement on one silent statement of backend ``pid``.

    Where it ``is_pooled``, what a pooler says is no word of the server.
    """

    def __init__(
        self, bounds: SilenceBounds, pid: int, since: float, *, is_pooled: bool = False
    ) -> None:
        self._bounds = bounds
        self._pid = pid
        self._since = since
        self._is_pooled = is_pooled
        self._case: object = None
        self._case_since = since
        self._marks: object = None
        self._marks_since = since
        self.waited_for_standby = False

    def hear(self, look: Look, asked_at: float, now: float) -> Finding:
        """Judge by one more look, begun at ``asked_at``."""
        if isinstance(look, Unanswered) or (self._is_pooled and isinstance(look, Refused)):
            return self._unanswered(self._lasts("unanswered", asked_at, now), now)
        if isinstance(look, Refused):
            return self._refused(look, self._lasts("refused", asked_at, now), now)
        return self._answered(look, asked_at, now)

    def _answered(self, answer: Answer, asked_at: float, now: float) -> Finding:
        backends = answer.backends
        if any(each.waits_for_standby for each in backends):
            return self._standby(answer.standby_names, self._lasts("standby", asked_at, now))
        if all(each.is_settled for each in backends):
            return self._settled(backends, self._lasts("settled", asked_at, now), now)
        self._lasts("working", asked_at, now)
        blockers = sorted({pid for each in backends for pid in each.blockers})
        marks = None if blockers else backends
        if marks is None or marks != self._marks:
            self._marks, self._marks_since = marks, now
        if blockers:
            pids = ", ".join(map(str, blockers))
            return Finding(f"a statement waits {self._so_far(now)} for a lock that pid {pids} has")
        doing = f"PostgreSQL has worked on a statement {self._so_far(now)}"
        lifeless_seconds = now - self._marks_since
        if lifeless_seconds >= self._bounds.lifeless_seconds:
            return Finding(f"{doing} without a sign of life", Act.QUESTION)
        return Finding(f"{doing} (backend {_described(backends)})", is_work=True)

    def _standby(self, names: str, seconds: float) -> Finding:
        self.waited_for_standby = True
        sentence = (
            f"COMMIT waits for a synchronous standby (synchronous_standby_names = '{names}'). What "
            "it wrote is committed on this server and stays. Start that standby, or change the "
            "setting and reload"
        )
        is_over = seconds >= self._bounds.standby_seconds
        return Finding(sentence, Act.END_STANDBY_WAIT if is_over else Act.WAIT)

    def _settled(self, backends: tuple[Backend, ...], seconds: float, now: float) -> Finding:
        what = "has answered" if backends else "no longer runs the statement"
        return Finding(
            f"no answer {self._so_far(now)}: the server says that it {what} (backend {self._pid}), "
            "so the connection between is lost",
            Act.CUT if seconds >= self._bounds.settled_seconds else Act.WAIT,
        )

    def _refused(self, refused: Refused, seconds: float, now: float) -> Finding:
        """The server lives. Whether the backend does, only the backend can say."""
        return Finding(
            f"no answer {self._so_far(now)}; the server lives, but cannot be asked why: "
            f"{refused.reason}",
            Act.QUESTION if seconds >= self._bounds.lifeless_seconds else Act.WAIT,
        )

    def _unanswered(self, seconds: float, now: float) -> Finding:
        return Finding(
            f"the server has said nothing {self._so_far(now)}, nor on a second connection",
            Act.CUT if seconds >= self._bounds.unanswered_seconds else Act.WAIT,
        )

    def _so_far(self, now: float) -> str:
        return f"for {now - self._since:.0f} s"

    def _lasts(self, case: object, asked_at: float, now: float) -> float:
        """Return for how long it has been so. Another case begins anew."""
        if case != self._case:
            self._case, self._case_since = case, asked_at
            self._marks, self._marks_since = None, now
        return now - self._case_since


def _described(backends: tuple[Backend, ...]) -> str:
    return "; ".join(
        f"{each.pid}: {each.state}"
        + (f", {each.wait_type}/{each.wait}" if each.wait is not None else "")
        for each in backends
    )


def with_patience(bounds: SilenceBounds, factor: float) -> SilenceBounds:
    """Return bounds that let a backend show no change for longer."""
    return replace(bounds, lifeless_seconds=bounds.lifeless_seconds * factor)
