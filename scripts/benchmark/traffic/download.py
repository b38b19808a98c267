"""Download a file and see when its bytes come."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException

from benchmark.errors import BenchmarkError

TIMEOUT_SECONDS = 60.0
LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Downloaded:
    """`first_byte_seconds` counts from the request, `longest_silence_seconds` is the longest time
    between two arrivals of bytes of the file, the first byte and the end among them.
    """

    seconds: float
    first_byte_seconds: float
    longest_silence_seconds: float
    file_bytes: int
    lines: int
    blank_lines: int


def download(port: int, path: str, look: Callable[[], None]) -> Downloaded:
    """Read the whole file, calling `look` about twice a second.

    Raises BenchmarkError when it is not complete.
    """
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    started = last = time.perf_counter()
    first, silence, size, lines, blank_lines = 0.0, 0.0, 0, 0, 0
    looked, end = started, b""
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        if response.status != 200:
            raise BenchmarkError(f"the report was answered with {response.status}")
        while some := response.read1(1 << 20):
            now = time.perf_counter()
            first = first or now - started
            silence, last = max(silence, now - last), now
            size, lines = size + len(some), lines + some.count(b"\n")
            blank_lines += (end + some).count(b"\n\r\n")
            end = some[-2:]
            if now - looked > LOOK_SECONDS:
                look()
                looked = now
        silence = max(silence, time.perf_counter() - last)
    except (HTTPException, OSError) as error:
        raise BenchmarkError(f"the report broke off: {type(error).__name__}") from None
    finally:
        connection.close()
    seconds = time.perf_counter() - started
    return Downloaded(seconds, first, silence, size, lines - blank_lines, blank_lines)


def ask_and_go(port: int, path: str, when: Callable[[], None]) -> None:
    """Ask for a file, and hang up when `when` returns."""
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    connection.request("GET", path)
    response = connection.getresponse()
    response.read1(1)
    when()
    response.close()
    connection.close()
