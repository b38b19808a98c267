"""The database session of an import, which a signal can end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from token_rotation.command_line import StopSignal, answering_signals
from token_rotation.postgres import watched_session

Answer = TypeVar("Answer")


class Session:
    """Does work in a thread with a session of its own, while the calling thread answers signals.

    ``observe`` hears what a statement without an answer waits for.
    """

    def __init__(self, database: str, stop: StopSignal, observe: Callable[[object], None]) -> None:
        self._database, self._stop, self._observe = database, stop, observe

    def do(self, work: Callable[[], Answer], *, ends_on_abort: bool = True) -> Answer:
        """Return what ``work`` returns. An abort ends its statements, one after another."""

        def in_session() -> Answer:
            with watched_session(self._database, observe=self._observe) as cancel:
                if ends_on_abort:
                    self._stop.on_abort(cancel)
                return work()

        again = self._stop.again if ends_on_abort else None
        return answering_signals(in_session, meanwhile=again)
