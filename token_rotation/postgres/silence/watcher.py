"""The thread that watches the statements of all connections to one server."""

from __future__ import annotations

import os
import select
import socket
import time
from contextlib import suppress
from threading import Lock, Thread
from weakref import WeakSet

from token_rotation.postgres.silence.acting import (
    end_if_asked,
    is_new,
    is_silent,
    judge,
    tell_of_asking,
)
from token_rotation.postgres.silence.question import Question, Server, server_of
from token_rotation.postgres.silence.session import WatchedSession

LOOK_EVERY_SECONDS = 0.25


class Watcher:
    """Watches until no connection is left.

    It never waits for the server, so it hears at once that a statement is to end.
    """

    def __init__(self, server: Server) -> None:
        self.sessions: WeakSet[WatchedSession] = WeakSet()
        self._server = server
        self._question = Question(server)
        self._next_at = 0.0
        self._heard, self._wake = socket.socketpair()
        self._heard.setblocking(False)
        self._wake.setblocking(False)
        self._thread = Thread(target=self._run, name="silence-watcher", daemon=True)

    @property
    def is_started(self) -> bool:
        return self._thread.ident is not None

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Look now. A signal handler may call it."""
        with suppress(OSError):  # full, or ended
            self._wake.send(b".")

    def _run(self) -> None:
        try:
            while sessions := _sessions_of(self._server, self):
                self._look(sessions, time.monotonic())
                self._sleep()
        finally:
            _forget(self._server, self)  # after a defect, too
            self._question.close()
            self._heard.close()
            self._wake.close()

    def _sleep(self) -> None:
        poll = select.poll()
        poll.register(self._heard, select.POLLIN)
        wanted = self._question.wants()
        if wanted is not None:
            descriptor, writes = wanted
            poll.register(descriptor, select.POLLOUT if writes else select.POLLIN)
        poll.poll(LOOK_EVERY_SECONDS * 1000)
        with suppress(BlockingIOError):
            self._heard.recv(4096)

    def _look(self, sessions: list[WatchedSession], now: float) -> None:
        flying = [each for each in sessions if each.since is not None]
        silent = [each for each in flying if is_silent(each, now)]
        if self._question.is_open:
            self._hear(silent, now)
        elif silent and (now >= self._next_at or any(is_new(each) for each in silent)):
            self._question.begin([each.pid for each in silent], now)
        elif not silent:
            self._question.close()
        for each in flying:
            end_if_asked(each, now)

    def _hear(self, silent: list[WatchedSession], now: float) -> None:
        asked_at = self._question.asked_at or now
        looks = self._question.advance()
        bounds = [each.bounds for each in silent]
        if looks is None:
            at_most = min((each.answer_seconds for each in bounds), default=0.0)
            if now - asked_at < at_most:
                for each in silent:
                    tell_of_asking(each, now)
                return
            looks = self._question.give_up()
        self._next_at = now + min((each.ask_every_seconds for each in bounds), default=0.0)
        for each in silent:
            if each.pid in looks and (each.since or now) <= asked_at:
                judge(each, looks[each.pid], asked_at, now)


_watchers: dict[Server, Watcher] = {}
_registry = Lock()


def watch(session: WatchedSession) -> Watcher:
    """Watch the connection until it is closed."""
    server = server_of(session.raw)
    with _registry:
        watcher = _watchers.get(server)
        if watcher is None:
            watcher = _watchers[server] = Watcher(server)
        watcher.sessions.add(session)
        if not watcher.is_started:
            watcher.start()
    return watcher


def _sessions_of(server: Server, watcher: Watcher) -> list[WatchedSession]:
    """Return the open connections; without one, forget the watcher, which ends."""
    with _registry:
        found = [each for each in watcher.sessions if not each.is_closed]
        if not found and _watchers.get(server) is watcher:
            del _watchers[server]
        return found


def _forget(server: Server, watcher: Watcher) -> None:
    with _registry:
        if _watchers.get(server) is watcher:
            del _watchers[server]


def _forget_threads() -> None:
    """A child process has no threads of its parent, and perhaps a locked lock."""
    global _registry  # noqa: PLW0603
    _registry = Lock()
    _watchers.clear()


os.register_at_fork(after_in_child=_forget_threads)
