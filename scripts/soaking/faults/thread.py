"""The thread that lets things go wrong at random moments."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from threading import Thread

from soaking.faults.fault import Fault
from soaking.faults.stage import Stage

LONGEST_PAUSE_SECONDS = 0.3
LONGEST_START_SECONDS = 3.0
LONGEST_HEADWAY_SECONDS = 0.7
LOOK_SECONDS = 0.01


class Faults(Thread):
    """Inflicts up to ``count`` of the faults, then ends. What lasts is mended sooner or later."""

    def __init__(self, stage: Stage, kinds: Sequence[Fault], count: int) -> None:
        super().__init__(name="faults")
        self._stage = stage
        self._kinds = kinds
        self._count = count
        self.done: Counter[str] = Counter()
        self.failure: BaseException | None = None

    def run(self) -> None:
        stage = self._stage
        try:
            for _ in range(self._count):
                if stage.stop_asked.wait(stage.random.uniform(0, LONGEST_PAUSE_SECONDS)):
                    break
                if stage.random.random() < 0.8:
                    self._await_rotation()
                if stage.random.random() < 0.5:
                    self._mend()
                kind = stage.random.choice(self._kinds)
                if kind.inflict():
                    self.done[kind.name] += 1
        except Exception as failure:  # noqa: BLE001  (handed to the round, which reports it)
            self.failure = failure
        finally:
            self._mend_at_last()

    def end(self) -> None:
        """Do nothing more; return when the last fault is over."""
        self._stage.stop_asked.set()
        self.join()

    def _await_rotation(self) -> None:
        """Until one is connected, for a short time: a run spends half of its life starting up."""
        stage = self._stage
        deadline = time.monotonic() + LONGEST_START_SECONDS
        while time.monotonic() < deadline:
            if stage.is_rotating() or stage.stop_asked.wait(LOOK_SECONDS):
                break
        stage.stop_asked.wait(stage.random.uniform(0, LONGEST_HEADWAY_SECONDS))

    def _mend(self) -> None:
        for kind in self._kinds:
            kind.mend()

    def _mend_at_last(self) -> None:
        """Whatever happened: the round's last run meets no fault."""
        try:
            self._mend()
        except Exception as failure:  # noqa: BLE001
            self.failure = self.failure or failure
