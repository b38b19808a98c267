"""Clocks that are set: libfaketime shows the server, or the commands, another time."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from soaking.faults.fault import Fault
from soaking.faults.stage import Stage

STEPS_SECONDS = (-7200, -90, -2, 2, 90, 7200)
LIBRARY = "faketime/libfaketimeMT.so.1"
SHARED_MEMORY = Path("/dev/shm")
_PLACES = ("/usr/lib", "/usr/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu")
_FOLLOWS_AFTER_SECONDS = 1.0


class Clocks:
    """The files that say what the clocks show."""

    def __init__(self, directory: Path) -> None:
        self.server, self.commands = directory / "server", directory / "commands"
        for clock in (self.server, self.commands):
            self.set(clock, 0)

    @staticmethod
    def set(clock: Path, seconds: int) -> None:
        """Show a time that is ``seconds`` later than the true one."""
        fresh = clock.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}\n")
        fresh.chmod(0o644)
        fresh.replace(clock)


@contextmanager
def settable_clocks() -> Iterator[Clocks | None]:
    """Start every process that begins while inside with a clock that can be set.

    Yield None where there is no libfaketime.
    """
    found = (Path(place) / LIBRARY for place in _PLACES)
    library = next((path for path in found if path.exists()), None)
    if library is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="tickets-soak-") as directory:
        Path(directory).chmod(0o755)
        clocks = Clocks(Path(directory))
        os.environ.update(
            LD_PRELOAD=f"{library}",
            FAKETIME_TIMESTAMP_FILE=f"{clocks.server}",
            FAKETIME_CACHE_DURATION=f"{_FOLLOWS_AFTER_SECONDS:.0f}",
            FAKETIME_DONT_FAKE_MONOTONIC="1",
        )
        try:
            yield clocks
        finally:
            for name in ("LD_PRELOAD", *(name for name in os.environ if name[:8] == "FAKETIME")):
                del os.environ[name]
            _forget_the_killed()


def _forget_the_killed() -> None:
    """Remove what libfaketime keeps of processes that had no time to do so."""
    for path in SHARED_MEMORY.glob("*faketime_*"):
        pid = path.name.rpartition("_")[2]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            path.unlink(missing_ok=True)


class ClockStep(Fault):
    """The server's clock is set, or that of the commands; later it is set back."""

    name = "clock step"

    def __init__(self, stage: Stage, clocks: Clocks) -> None:
        super().__init__(stage)
        self._clocks = clocks

    def inflict(self) -> bool:
        clock = self.stage.random.choice([self._clocks.server, self._clocks.commands])
        self._clocks.set(clock, self.stage.random.choice(STEPS_SECONDS))
        self.stage.hold(_FOLLOWS_AFTER_SECONDS, 4.0)
        return True

    def mend(self) -> None:
        for clock in (self._clocks.server, self._clocks.commands):
            self._clocks.set(clock, 0)
