"""The heartbeat of an operation at work, whatever its action is busy with."""

from __future__ import annotations

import logging
from threading import Event, Thread
from types import TracebackType

from django.db import DatabaseError, InterfaceError, connections

from token_rotation.operations.errors import ClaimLostError
from token_rotation.operations.execution.claim import Claim
from token_rotation.operations.options import option

logger = logging.getLogger(__name__)


class Pulse:
    """A context manager with a thread that renews the claim's lease as long as the process lives.

    Four beats in OPERATIONS_LEASE_SECONDS. A lost connection costs a beat, and the next one gets a
    new connection. A lost claim ends the pulse: the attempt notices when it stores its next result.
    Inside a transaction there is no pulse, since nobody else sees the operation before its end.
    """

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self._interval_seconds = option("OPERATIONS_LEASE_SECONDS") / 4
        self._ended = Event()
        self._thread = Thread(target=self._beat, name="batch-pulse", daemon=True)

    def __enter__(self) -> None:
        if not connections[self._claim.database].in_atomic_block:
            self._thread.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _beat(self) -> None:
        try:
            while not self._ended.wait(self._interval_seconds):
                try:
                    self._claim.beat()
                except (DatabaseError, InterfaceError) as error:
                    logger.warning("no heartbeat of %s: %s", self._claim.operation, error)
                    connections[self._claim.database].close()
        except ClaimLostError as error:
            if not self._ended.is_set():
                logger.warning("%s", error)
        finally:
            connections.close_all()
