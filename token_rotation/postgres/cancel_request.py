"""Cancel requests that stop no other thread of this process."""

from __future__ import annotations

import ctypes
from functools import cache
from threading import Lock, Thread
from typing import Any

from token_rotation.postgres import driver

ERROR_BYTES = 256


class CancelRequest:
    """A request to cancel what runs on a connection of the driver.

    libpq waits, without a bound, until the server has taken the request. psycopg 2's ``cancel()``
    holds the interpreter's lock meanwhile: beside a server that has fallen silent, no thread of the
    process could run, and no signal were heard.
    """

    def __init__(self, raw: Any) -> None:
        self._handle: int | None = _libpq().PQgetCancel(driver.pointer_of(raw))
        self._sending: Thread | None = None
        self._lock = Lock()

    def send(self) -> None:
        """Send the request; return when the server has taken it. Nothing says if it had effect."""
        if self._handle is not None:
            _libpq().PQcancel(self._handle, ctypes.create_string_buffer(ERROR_BYTES), ERROR_BYTES)

    def send_aside(self) -> None:
        """Send it in a thread, unless the last one is still on its way."""
        with self._lock:
            if self._sending is None or not self._sending.is_alive():
                self._sending = Thread(target=self.send, name="cancel-request", daemon=True)
                self._sending.start()

    def close(self) -> None:
        """Free it, unless a thread still uses it."""
        with self._lock:
            if self._handle is not None and (self._sending is None or not self._sending.is_alive()):
                handle, self._handle = self._handle, None
                _libpq().PQfreeCancel(handle)


@cache
def _libpq() -> ctypes.CDLL:
    """The library that the driver uses. Calls of it do not hold the interpreter's lock."""
    libpq = ctypes.CDLL(driver.libpq_path())
    libpq.PQgetCancel.argtypes = [ctypes.c_void_p]
    libpq.PQgetCancel.restype = ctypes.c_void_p
    libpq.PQcancel.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    libpq.PQfreeCancel.argtypes = [ctypes.c_void_p]
    return libpq
