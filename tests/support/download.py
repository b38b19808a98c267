"""Download a report as a browser does, and see when its bytes come."""

import time
from http.client import HTTPConnection, HTTPResponse, IncompleteRead
from itertools import pairwise
from statistics import median


class Download:
    """An answer that is being read; ``arrivals`` holds when bytes came (time.monotonic)."""

    def __init__(self, port: int, path: str, *, method: str = "GET") -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)
        self.arrivals = [time.monotonic()]
        self._connection.request(method, path)
        self.response: HTTPResponse = self._connection.getresponse()
        self.status = self.response.status
        self.pieces: list[bytes] = []
        self.broke_off = False

    def read_some(self) -> bool:
        """Wait for more bytes; whether there were any."""
        try:
            some = self.response.read1(65_536)
        except IncompleteRead:
            self.broke_off = True
            return False
        self.pieces.append(some)
        self.arrivals.append(time.monotonic())
        return bool(some)

    def read_all(self) -> str:
        while self.read_some():
            pass
        self.close()
        return self.text

    def close(self) -> None:
        """Go away, whether or not all has come."""
        self.response.close()
        self._connection.close()

    @property
    def text(self) -> str:
        return b"".join(self.pieces).decode()

    @property
    def seconds(self) -> float:
        """From the first bytes to the last."""
        return self.arrivals[-1] - self.arrivals[min(1, len(self.arrivals) - 1)]

    @property
    def usual_silence_seconds(self) -> float:
        """The median, which is the server's and not that of a busy machine."""
        return median(b - a for a, b in pairwise(self.arrivals))
