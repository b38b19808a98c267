"""Refuse clients after too many failed look-ups."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from functools import cache
from threading import Lock

from django.conf import settings
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.errors import ConfigurationError, StorageError
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter

from tickets.lookup_limit import storage  # noqa: F401  (makes database:// known)

logger = logging.getLogger(__name__)

REST_SECONDS = 10.0
REMEMBERED_CLIENTS = 10_000
UNUSABLE = (ConfigurationError, ValueError)
# A storage that hangs delays a page no longer than this.
REDIS_OPTIONS = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5}


class Limiter:
    """A limiter that counts failures and remembers refusals.

    All processes share the storage of the counts; each process remembers its own refusals. Only a
    failure reads the storage; a successful look-up costs and counts nothing. So a process learns of
    a refusal at the first failure that it sees itself. Until then a refused client can still open a
    valid link there.

    If the storage fails, nobody is refused. That is logged once; the next try is 10 s later.
    """

    def __init__(
        self, counts: FixedWindowRateLimiter, limit: RateLimitItem, clock: Callable[[], float]
    ) -> None:
        self._counts = counts
        self._limit = limit
        self._clock = clock
        self._lock = Lock()
        self._refused_until: dict[str, float] = {}
        self._is_down = False
        self._ask_again_at = -math.inf

    def refused_seconds(self, client: str) -> int | None:
        """Return the seconds that the client must wait, or None."""
        left_seconds = self._refused_until.get(client, -math.inf) - self._clock()
        return math.ceil(left_seconds) if left_seconds > 0 else None

    def failed(self, client: str) -> int | None:
        """Count a failure; return the client's wait, or None.

        The wait is in seconds.
        """
        if self._clock() < self._ask_again_at:
            return None
        try:
            is_allowed = self._counts.hit(self._limit, client)
            self._note_that_it_works()
            if is_allowed:
                return None
            reset_at = self._counts.get_window_stats(self._limit, client).reset_time
        except StorageError as error:
            self._rest(error)
            return None
        seconds = min(max(1, math.ceil(reset_at - time.time())), self._limit.get_expiry())
        self._refuse(client, seconds)
        return seconds

    def _refuse(self, client: str, seconds: int) -> None:
        with self._lock:
            self._make_room()
            self._refused_until[client] = self._clock() + seconds
        logger.warning(
            "Look-ups by link from %s are refused for %d s: more than %d have failed",
            client,
            seconds,
            self._limit.amount,
        )

    def _make_room(self) -> None:
        """Forget expired refusals.

        If that is not enough, forget the oldest ones.
        """
        if len(self._refused_until) < REMEMBERED_CLIENTS:
            return
        now = self._clock()
        for client, until in list(self._refused_until.items()):
            if until <= now:
                del self._refused_until[client]
        while len(self._refused_until) >= REMEMBERED_CLIENTS:
            del self._refused_until[next(iter(self._refused_until))]

    def _rest(self, error: StorageError) -> None:
        self._ask_again_at = self._clock() + REST_SECONDS
        if not self._is_down:
            # Without the error's text, which may hold the storage's address or a statement.
            kind = type(error.storage_error).__name__
            logger.error("Failed look-ups cannot be counted, so none are refused: %s", kind)
        self._is_down = True

    def _note_that_it_works(self) -> None:
        if self._is_down:
            logger.warning("Failed look-ups are counted again")
        self._is_down = False


def make_limiter() -> Limiter | None:
    """Return the limiter of the settings, or None.

    It is None if the settings ask for none. Raises one of UNUSABLE if the storage is unknown,
    malformed or not installed.
    """
    if settings.LOOKUP_LIMIT_FAILURES == 0:
        return None
    uri = settings.LOOKUP_LIMIT_STORAGE
    options = REDIS_OPTIONS if uri.startswith(("redis:", "rediss:")) else {}
    counts = storage_from_string(uri, wrap_exceptions=True, **options)
    limit = RateLimitItemPerSecond(settings.LOOKUP_LIMIT_FAILURES, settings.LOOKUP_LIMIT_SECONDS)
    return Limiter(FixedWindowRateLimiter(counts), limit, time.monotonic)


@cache
def limiter() -> Limiter | None:
    """Return the limiter of this process.

    It is None if it cannot be made, which the checks report.
    """
    try:
        return make_limiter()
    except UNUSABLE:
        # Without the traceback: it quotes the URI, which may hold a password.
        logger.error(  # noqa: TRY400
            "LOOKUP_LIMIT_STORAGE cannot be used, so no failed look-ups are refused"
        )
        return None
