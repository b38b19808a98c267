"""The thread that runs a report's query."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from contextlib import closing

from token_rotation.postgres import driver
from token_rotation.streaming.channel import Channel, ClosedError
from token_rotation.streaming.encoder import CsvEncoder
from token_rotation.streaming.errors import QueryError, ReportError, query_error
from token_rotation.streaming.pace import FetchPace
from token_rotation.streaming.query import Query
from token_rotation.streaming.session import Session
from token_rotation.streaming.settings import Limits

LOOK_SECONDS = 0.25
CANCEL_TRIES = 8

_log = logging.getLogger(__name__)


class Producer(threading.Thread):
    """A thread that runs the query and fills a channel.

    It puts lines into the channel, then marks the end or the failure. It is a daemon, so that the
    process can end at once. The database then cancels the query.
    """

    def __init__(self, query: Query, encoder: CsvEncoder, channel: Channel, limits: Limits) -> None:
        super().__init__(name="report", daemon=True)
        self._session = Session(query, limits)
        self._encoder = encoder
        self._channel = channel
        self._stalled_seconds = limits.stalled_seconds

    def run(self) -> None:
        failure: ReportError | None = None
        try:
            self._produce()
        except ClosedError:
            pass
        except ReportError as error:
            failure = error
        except driver.Error as error:
            failure = query_error(error)
        except Exception as error:  # noqa: BLE001  (else the reader waits for ever)
            # The place without the exception's text, which may quote a row.
            where = "".join(traceback.format_tb(error.__traceback__))
            _log.error("A report raised %s\n%s", type(error).__name__, where)
            failure = QueryError(f"the server has a defect ({type(error).__name__})")
        finally:
            self._session.close()
        self._channel.end(failure)

    def end(self) -> None:
        """Cancel the query; wait about three seconds for the thread.

        Repeats the cancellation, since one that meets no statement is lost. A thread that outlives
        this is still connecting, and ends after that.
        """
        self._channel.close()
        for _ in range(CANCEL_TRIES):
            if not self.is_alive():
                return
            self._session.cancel()
            self.join(LOOK_SECONDS)
        self._session.hang_up()
        self.join(LOOK_SECONDS * 4)

    def _produce(self) -> None:
        self._session.open()
        self._channel.check()
        pace = FetchPace()
        with closing(self._session.fetches(pace)) as fetches:
            started = time.monotonic()
            for rows in fetches:
                seconds = time.monotonic() - started
                block = self._encoder.lines(rows)
                pace.note(seconds=seconds, block_bytes=len(block))
                self._channel.put(block, within_seconds=self._stalled_seconds)
                started = time.monotonic()
