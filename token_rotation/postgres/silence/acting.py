"""Act on a statement: say what it waits for, cancel it, or drop its connection."""

from __future__ import annotations

from token_rotation.events import Waiting
from token_rotation.postgres.silence.backends import Look
from token_rotation.postgres.silence.judge import Act
from token_rotation.postgres.silence.session import WatchedSession

ASK_FIRST_SECONDS = 0.5
"""Before a COMMIT is cancelled, the server is asked what it waits for, for so long at most."""

TELL_AFTER_SECONDS = 1.0
"""A question is answered in less."""

CANCEL_EVERY_SECONDS = 0.5
"""The first request may have come between two statements."""


def is_silent(session: WatchedSession, now: float) -> bool:
    """Return True when the server should be asked about it."""
    if session.since is None:
        return False
    is_late = now - session.since >= session.bounds.ask_after_seconds
    return is_late or (session.is_to_end and session.may_commit)


def is_new(session: WatchedSession) -> bool:
    """Return True when nobody has asked about this statement."""
    return not session.flight().was_asked


def tell_of_asking(session: WatchedSession, now: float) -> None:
    """Say once that nothing answers, not even the question why."""
    flight = session.flight()
    silent_seconds = now - (session.since or now)
    if (
        not flight.was_told
        and silent_seconds >= session.bounds.ask_after_seconds + TELL_AFTER_SECONDS
    ):
        flight.was_told = True
        session.observe(
            Waiting(f"no answer for {silent_seconds:.0f} s; a second connection asks why")
        )


def judge(session: WatchedSession, look: Look, asked_at: float, now: float) -> None:
    """Judge by what the server says, and act."""
    flight = session.flight()
    flight.was_asked = True
    finding = flight.judge.hear(look, asked_at, now)
    if finding.act is Act.CUT:
        session.cancel()  # the server may live where only this connection is lost
        session.cut(finding.sentence)
        return
    if finding.act is not Act.WAIT and flight.cancelled_at is None:
        flight.cancel_is_question = finding.act is Act.QUESTION
        flight.gives_up_standby = finding.act is Act.END_STANDBY_WAIT
        flight.cancelled_at = now
        session.cancel()
    if not (finding.is_work and session.works_long):
        session.observe(Waiting(finding.sentence))


def end_if_asked(session: WatchedSession, now: float) -> None:
    """Cancel a statement that is to end; drop the connection when it does not end."""
    if session.is_to_end:
        _cancel(session, now)
    flight = session.noted()
    if flight is None or flight.cancelled_at is None or flight.cut_because:
        return
    if now - flight.cancelled_at >= session.bounds.cancelled_seconds:
        session.cut("a statement was cancelled, and the server did not end it")


def _cancel(session: WatchedSession, now: float) -> None:
    flight = session.flight()
    if flight.to_end_since is None:
        flight.to_end_since = now
    asks_first = session.may_commit and not flight.was_asked
    if asks_first and now - flight.to_end_since < ASK_FIRST_SECONDS:
        return
    if flight.cancelled_at is None:
        flight.cancelled_at = now
    if now >= flight.cancel_next_at:
        flight.cancel_next_at = now + CANCEL_EVERY_SECONDS
        session.cancel()
