"""Keys that a partner publishes: fetched in a bounded time, and kept in memory for a while."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from http.client import HTTPException
from threading import Lock
from typing import Any
from urllib.request import HTTPRedirectHandler, Request, build_opener

FETCH_SECONDS = 3.0
KEPT_SECONDS = 3_600.0
AGAIN_SECONDS = 60.0
MOST_BYTES = 256 * 1024
_PART_BYTES = 16 * 1024
logger = logging.getLogger(__name__)


class KeysUnavailableError(Exception):
    """Nobody can say whether the key exists."""


class PublishedKeys:
    """The keys at a URL. An unknown id fetches them again, once a minute at most.

    A fetch that fails leaves the keys that are known.
    """

    def __init__(self, url: str, fetch: Callable[[str], bytes] | None = None) -> None:
        self._url = url
        self._fetch = fetch or _fetched
        self._keys: dict[str, str] = {}
        self._lock = Lock()
        self._tried_at = self._fetched_at = float("-inf")

    @property
    def url(self) -> str:
        return self._url

    def key(self, key_id: str) -> str | None:
        """Return a key in PEM; None if there is none of this id.

        Raises KeysUnavailableError where the last fetch failed.
        """
        with self._lock:
            now = time.monotonic()
            is_fresh = now - self._fetched_at < KEPT_SECONDS
            may_try = now - self._tried_at >= AGAIN_SECONDS
            if may_try and not (is_fresh and key_id in self._keys):
                self._tried_at = now
                self._renew(now)
            if key_id not in self._keys and self._fetched_at < self._tried_at:
                raise KeysUnavailableError
            return self._keys.get(key_id)

    def _renew(self, now: float) -> None:
        try:
            self._keys = _read(self._fetch(self._url))
            self._fetched_at = now
        except (OSError, HTTPException, ValueError, KeyError, TypeError, RecursionError) as error:
            logger.warning("the public keys of leak reports: %s", type(error).__name__)


def _read(text: bytes) -> dict[str, str]:
    listed = json.loads(text)["public_keys"]
    return {str(each["key_identifier"]): str(each["key"]) for each in listed}


class _NoRedirect(HTTPRedirectHandler):
    """A redirect is no answer."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER = build_opener(_NoRedirect)


def _fetched(url: str) -> bytes:
    until = time.monotonic() + FETCH_SECONDS
    request = Request(url, headers={"User-Agent": "django-token-rotation"})  # noqa: S310 (checked)
    text = b""
    with _OPENER.open(request, timeout=FETCH_SECONDS) as answer:
        while part := answer.read1(_PART_BYTES):
            text += part
            if len(text) > MOST_BYTES or time.monotonic() > until:
                raise OSError("too much, or too slow")
    return text
