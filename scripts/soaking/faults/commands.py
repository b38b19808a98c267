"""Faults of the command: signals."""

from __future__ import annotations

import signal

from soaking.faults.fault import Fault


class Kill(Fault):
    name = "SIGKILL"

    def inflict(self) -> bool:
        command = self.stage.command()
        return command is not None and command.signal(signal.SIGKILL)


class Terminate(Fault):
    """Once or, impatiently, twice."""

    name = "SIGTERM"

    def inflict(self) -> bool:
        command = self.stage.command()
        if command is None or not command.signal(signal.SIGTERM):
            return False
        if self.stage.random.random() < 0.3:
            command.signal(signal.SIGTERM)
        return True
