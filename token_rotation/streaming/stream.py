"""The bytes of a report, read by a web server."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator, Sequence

from django.db import close_old_connections

from token_rotation.streaming import web_server
from token_rotation.streaming.channel import Channel
from token_rotation.streaming.encoder import CsvEncoder
from token_rotation.streaming.errors import IncompleteReportError, ReportError, StoppedError
from token_rotation.streaming.keep_alive import KeepAlive
from token_rotation.streaming.producer import Producer
from token_rotation.streaming.query import Query
from token_rotation.streaming.settings import Limits

_log = logging.getLogger(__name__)


class CsvStream(Iterator[bytes]):
    """A stream that is never empty and never silent long.

    The longest silence is ``keep_alive_seconds``.
    """

    def __init__(self, query: Query, columns: Sequence[str], limits: Limits) -> None:
        self._limits = limits
        self._encoder = CsvEncoder(columns)
        self._channel = Channel()
        self._keep_alive = KeepAlive()
        self._deadline = time.monotonic() + limits.seconds_at_most
        self._producer = Producer(query, self._encoder, self._channel, limits)
        self._pieces = self._all_pieces()

    def start(self, within_seconds: float) -> None:
        """Start the query; wait for its first row.

        Waits for at most ``within_seconds``. Raises the ReportError of a query that fails within
        this time. Nothing was sent by then.
        """
        self._producer.start()
        failure = self._channel.wait(within_seconds)
        if failure is not None:
            _log.warning("A report failed: %s", failure)
            raise failure

    def __next__(self) -> bytes:
        return next(self._pieces)

    def close(self) -> None:
        """End the query. Calling it again does no harm."""
        self._pieces.close()
        self._producer.end()

    def _all_pieces(self) -> Generator[bytes]:
        close_old_connections()  # the request no longer needs its own
        try:
            yield self._keep_alive.feed(self._encoder.header())
            yield from self._rows()
        except ReportError as failure:
            _log.warning("A report ended early: %s", failure)
            self._producer.end()
            yield self._keep_alive.remaining() + self._encoder.last_line(str(failure))
            raise IncompleteReportError(str(failure)) from None
        finally:
            self._producer.end()
        remaining = self._keep_alive.remaining()
        if remaining:
            yield remaining

    def _rows(self) -> Iterator[bytes]:
        while (block := self._channel.take(self._limits.keep_alive_seconds)) != b"":
            web_server.beat()
            if web_server.is_stopping():
                raise StoppedError("the server is being restarted; ask for the report again")
            if time.monotonic() > self._deadline:
                raise StoppedError(f"it took longer than {self._limits.seconds_at_most:g} s")
            yield self._keep_alive.filler() if block is None else self._keep_alive.feed(block)
