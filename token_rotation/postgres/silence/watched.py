"""What others use of a watched connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from token_rotation.events import Observer
from token_rotation.postgres import driver
from token_rotation.postgres.copy_stream import CopyStream
from token_rotation.postgres.silence.bounds import SilenceBounds
from token_rotation.postgres.silence.session import WatchedSession
from token_rotation.postgres.silence.watcher import watch


class Watch:
    """Watches a connection that Django may use as any other; see ``WatchedSession``.

    Its cursors raise OperationalError after a COMMIT whose standby was given up.
    """

    def __init__(self, raw: Any, bounds: SilenceBounds, observe: Observer) -> None:
        self.session = WatchedSession(raw, bounds, observe)
        self._watcher = watch(self.session)

    def statement(self, *, may_commit: bool) -> WatchedSession:
        return self.session.statement(may_commit=may_commit)

    def ending(self, *, may_commit: bool) -> WatchedSession:
        return self.session.ending(may_commit=may_commit)

    @contextmanager
    def patience(self, factor: float) -> Iterator[None]:
        """Give statements ``factor`` times the usual time without a sign of life while inside."""
        before, self.session.patience = self.session.patience, factor
        try:
            yield
        finally:
            self.session.patience = before

    def end_statement(self) -> None:
        """Cancel the statement in flight, as ``Connection.cancel`` does. Returns at once."""
        self.session.ask_to_end()
        self._watcher.wake()

    def abandoned(self) -> None:
        self.session.cancel()

    def close(self) -> None:
        self.session.close()


def watch_of(raw: Any) -> Watch | None:
    """Return the watch of a connection that Django uses, None where nobody watches it."""
    found = driver.hook_of(raw)
    return found if isinstance(found, Watch) else None


class WatchedConnections:
    """Lets Django's wrapper use watched connections; see ``driver.hook``."""

    def __init__(self, bounds: SilenceBounds, observe: Observer) -> None:
        self._bounds, self._observe = bounds, observe

    def __call__(self, raw: Any) -> Watch:
        return Watch(raw, self._bounds, self._observe)

    def __deepcopy__(self, _: Any) -> WatchedConnections:
        """Django copies the settings of a connection, deeply."""
        return self


class WatchedSource:
    """A COPY's data. Where the source is slow, the server is not silent."""

    def __init__(self, source: CopyStream, session: WatchedSession) -> None:
        self._source = source
        self._session = session

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self._session.begin_again()
        return data
