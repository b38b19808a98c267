"""When all workers of a server rest together, so that a probe measures it without them."""

from __future__ import annotations

import math

PERIOD_SECONDS = 2.0
LEAD_SECONDS = 0.05
"""Another machine's last batch may take so long into a slot, or as long as the last one here. A
probe counts after it."""
LONGEST_LEAD_SECONDS = 0.3
PROBES_A_SLOT = 4
PROBES_WHILE_ALONE = 2
PROBES_AT_FIRST = 8
LONGEST_SECONDS = 0.6
CLOCK_STEP_SECONDS = 0.5


class RestSlots:
    """The slots of one process, at even seconds of the server's clock.

    All processes of a rotation on many machines thus rest at the same time, without a message. The
    first slot begins at once. A slot ends after a few probes.
    """

    def __init__(self, now: float) -> None:
        self._ahead_seconds: float | None = None  # the server's clock before ours
        self._round_trip_seconds = math.inf
        self._slot: int | None = None
        self._began_at = now
        self._probes_left = PROBES_AT_FIRST
        self._lead_seconds = LEAD_SECONDS
        self.is_first = True
        self.is_alone = False
        """No probe has met others lately: what a slot costs helps nobody, so fewer do."""

    def sync(self, server_seconds: float, began_at: float, now: float) -> bool:
        """Take the server's clock, as read between the two; return True where it has stepped."""
        round_trip = now - began_at
        ahead = server_seconds - (began_at + now) / 2
        known, self._round_trip_seconds = self._ahead_seconds, self._round_trip_seconds * 1.01
        stepped = known is not None and abs(ahead - known) > CLOCK_STEP_SECONDS + round_trip
        if known is None or stepped or round_trip <= self._round_trip_seconds:
            self._ahead_seconds, self._round_trip_seconds = ahead, round_trip
        return stepped

    def is_on(self, now: float) -> bool:
        """Return True while all rest."""
        self._begin_next(now)
        if self._probes_left and now - self._began_at > LONGEST_SECONDS:
            self._probes_left = 0
        return self._probes_left > 0

    def counts(self, began_at: float) -> bool:
        """Return True for a probe of a slot that began after all were at rest."""
        return self._probes_left > 0 and began_at >= self._counts_from

    @property
    def _counts_from(self) -> float:
        return self._began_at + (0.0 if self.is_first else self._lead_seconds)

    def worked(self, seconds: float) -> None:
        """Note how long a batch took."""
        self._lead_seconds = min(LONGEST_LEAD_SECONDS, max(LEAD_SECONDS, seconds))

    def seconds_to_probe(self, now: float) -> float:
        """Return the time until a probe may count; endless while no slot can be known."""
        if self.is_on(now):
            return max(0.0, self._counts_from - now)
        if self._ahead_seconds is None:
            return math.inf
        at = now + self._ahead_seconds
        return PERIOD_SECONDS - at % PERIOD_SECONDS + self._lead_seconds

    def probed(self) -> None:
        """Note that a probe of this slot has ended."""
        self._probes_left = max(0, self._probes_left - 1)

    def _begin_next(self, now: float) -> None:
        if self._ahead_seconds is None:
            return
        at, slot = now + self._ahead_seconds, self._slot
        current = math.floor(at / PERIOD_SECONDS)
        if slot is None:
            self._slot = current  # the first one began before the clock was known
        elif current > slot:
            self._slot = current
            self._began_at = now - at % PERIOD_SECONDS
            self._probes_left = PROBES_WHILE_ALONE if self.is_alone else PROBES_A_SLOT
            self.is_first = False
