"""One connection whose statements are watched."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from token_rotation.events import Observer, Remark
from token_rotation.postgres import driver
from token_rotation.postgres.cancel_request import CancelRequest
from token_rotation.postgres.silence.bounds import SilenceBounds
from token_rotation.postgres.silence.errors import SilentServerError, StillAliveError
from token_rotation.postgres.silence.flight import Flight
from token_rotation.postgres.silence.judge import Judge, with_patience
from token_rotation.postgres.silence.sockets import Line

QUERY_CANCELED = "57014"
SIGNALS_ONCE = 170_000
"""Before this version a cancel request signals the backend twice: itself, and its process group.
The second signal may come late, and cancel the next statement."""
GREATEST_PID = 2**22
"""On Linux, and more than elsewhere. A pooler sends 32 random bits instead of a pid."""

UNREPLICATED = (
    "A COMMIT ended without its synchronous standby: what it wrote is committed on this server, "
    "and may be missing on the standby"
)


class WatchedSession:
    """A connection of the driver. Enter it for the time of each statement.

    Another thread watches it. ``number`` counts its statements; ``since`` is the time at which the
    one in flight was sent, None while there is none; ``may_commit`` tells if its end is a COMMIT.
    ``given_up`` says why no other statement should be sent. Where its statements are long work,
    such as a VACUUM, ``observe`` does not hear that they work. If it ``is_renewed`` by its user
    once it is closed, it closes where a late cancel may hit the next statement.
    """

    def __init__(
        self,
        raw: Any,
        bounds: SilenceBounds,
        observe: Observer,
        *,
        works_long: bool = False,
        patience: float = 1.0,
        is_renewed: bool = False,
    ) -> None:
        self.raw = raw
        self.notices = driver.notices_of(raw)
        self.pid: int = raw.info.backend_pid
        self.is_pooled = not 0 < self.pid <= GREATEST_PID
        self.bounds = bounds.behind_pooler() if self.is_pooled else bounds
        self.observe = observe
        self.works_long = works_long
        self.patience = patience
        self._is_renewed = is_renewed
        self.since: float | None = None
        self.number = 0
        self.may_commit = False
        self.given_up = ""
        self.to_end: int | None = None
        self._flight: Flight | None = None
        self._request = CancelRequest(raw)
        self._line = Line(raw)

    def __enter__(self) -> None:
        self.number += 1
        self.since = time.monotonic()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.since = None
        if self._flight is not None:
            flight, self._flight = self._flight, None
            if flight.number == self.number:
                self._explain(flight, error)

    def begin_again(self) -> None:
        """Count what goes on as another statement, whose silence begins now.

        If it was to end, it still is.
        """
        before = self.number
        self.__enter__()
        if self.to_end == before:
            self.to_end = self.number

    def statement(self, *, may_commit: bool) -> WatchedSession:
        """Enter what it returns for the time of a statement; see ``driver.Hook``."""
        if self.given_up:
            raise driver.OperationalError(self.given_up)
        return self.ending(may_commit=may_commit)

    def ending(self, *, may_commit: bool) -> WatchedSession:
        """Enter what it returns for the time of a COMMIT or ROLLBACK."""
        self.may_commit = may_commit
        return self

    @property
    def is_closed(self) -> bool:
        return bool(self.raw.closed)

    @property
    def is_to_end(self) -> bool:
        return self.to_end == self.number

    def ask_to_end(self) -> None:
        """Mark the statement in flight, if any. A signal handler may call it."""
        if self.since is not None:
            self.to_end = self.number

    def noted(self) -> Flight | None:
        """Return the notes on the statement in flight, if there are any."""
        flight = self._flight
        return flight if flight is not None and flight.number == self.number else None

    def flight(self) -> Flight:
        """Return the notes on the statement in flight."""
        if self._flight is None or self._flight.number != self.number:
            judge = Judge(
                with_patience(self.bounds, self.patience),
                self.pid,
                self.since or time.monotonic(),
                is_pooled=self.is_pooled,
            )
            self._flight = Flight(self.number, judge, _last(self.notices))
        return self._flight

    def cancel(self) -> None:
        """Send a cancel request, and do not wait for it: the server may not answer that either."""
        self._request.send_aside()

    def cut(self, because: str) -> None:
        """Drop the connection under the statement in flight."""
        self.flight().cut_because = because
        self._line.cut()

    def close(self) -> None:
        if not self.raw.closed:
            self.raw.close()
        self._line.close()
        self._request.close()

    def _explain(self, flight: Flight, error: BaseException | None) -> None:
        """Tell what the watching thread did to the statement that has ended."""
        sqlstate = driver.sqlstate_of(error)
        if isinstance(error, driver.Error) and sqlstate is None and flight.cut_because:
            raise SilentServerError(flight.cut_because) from None
        if sqlstate == QUERY_CANCELED and flight.cancel_is_question:
            seconds = self.bounds.lifeless_seconds * self.patience
            self.patience *= 2
            if self._is_renewed and self.raw.info.server_version < SIGNALS_ONCE:
                self.raw.close()
            raise StillAliveError(seconds) from None
        if error is None:
            self._note_standby(flight)

    def _note_standby(self, flight: Flight) -> None:
        """PostgreSQL says in a warning, in any language, that the wait was cancelled."""
        notice = _last(self.notices)
        if notice is flight.last_notice:
            return
        if not (flight.judge.waited_for_standby or "synchronous replication" in notice):
            return
        self.observe(Remark(f"{UNREPLICATED}."))
        if flight.gives_up_standby:
            self.given_up = (
                f"gave up after {self.bounds.standby_seconds:g} s: a COMMIT waited for a "
                "synchronous standby. What it wrote is committed on this server, and may be "
                "missing on the standby"
            )


def _last(notices: Any) -> Any:
    return notices[-1] if notices else None
