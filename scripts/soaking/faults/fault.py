"""The base of every fault."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from soaking.faults.stage import Stage


class Fault(ABC):
    """One thing that goes wrong, in one round."""

    name: ClassVar[str]

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    @abstractmethod
    def inflict(self) -> bool:
        """Let it happen; return False where there was nothing that it could happen to."""

    def mend(self) -> None:  # noqa: B027  (few faults last)
        """End what lasts; called any number of times."""
