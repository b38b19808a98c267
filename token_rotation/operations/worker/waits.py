"""What a worker's log says of statements without an answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from token_rotation.events import Event

SAY_EVERY_SECONDS = 60.0

logger = logging.getLogger(__name__)


class Waits:
    """An observer of a worker's connections. Any thread may call it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next_at: dict[type, float] = {}

    def __call__(self, event: Event) -> None:
        if self._clock() >= self._next_at.get(type(event), 0.0):
            self._next_at[type(event)] = self._clock() + SAY_EVERY_SECONDS
            logger.warning("%s", event)
