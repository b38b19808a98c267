"""What a soak did, counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

_EXITS = {
    0: "exit code 0 (nothing pending)",
    1: "exit code 1 (server in trouble)",
    3: "exit code 3 (rows pending)",
    -9: "ended by SIGKILL",
    -15: "ended by SIGTERM before it listened",
}


@dataclass(slots=True)
class Figures:
    """Sums over rounds."""

    rounds: int = 0
    tokens_changed: int = 0
    retries: int = 0
    writes_acknowledged: int = 0
    writes_unanswered: int = 0
    seconds: float = 0.0
    runs: Counter[int] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)

    def add(self, other: Figures) -> None:
        self.rounds += other.rounds
        self.tokens_changed += other.tokens_changed
        self.retries += other.retries
        self.writes_acknowledged += other.writes_acknowledged
        self.writes_unanswered += other.writes_unanswered
        self.seconds += other.seconds
        self.runs += other.runs
        self.faults += other.faults

    def line(self) -> str:
        """One round on one line."""
        runs = ", ".join(f"{code}: {times}" for code, times in sorted(self.runs.items()))
        faults = ", ".join(f"{times} {kind}" for kind, times in sorted(self.faults.items()))
        return (
            f"{self.seconds:.1f} s, {self.tokens_changed:,} tokens changed, runs by exit code "
            f"{{{runs}}}, {self.retries} retries, faults: {faults or 'none'}, "
            f"{self.writes_acknowledged:,} writes acknowledged, {self.writes_unanswered} unanswered"
        )

    def table(self) -> list[tuple[str, str]]:
        """All rounds together: what, how often."""
        return [
            ("rounds, each clean", f"{self.rounds:,}"),
            ("tokens changed", f"{self.tokens_changed:,}"),
            ("runs of rotate_tokens", f"{self.runs.total():,}"),
            *((name, f"{self.runs[code]:,}") for code, name in _EXITS.items()),
            ("retries after a fault", f"{self.retries:,}"),
            *((kind, f"{times:,}") for kind, times in sorted(self.faults.items())),
            ("application writes acknowledged", f"{self.writes_acknowledged:,}"),
            ("application writes unanswered", f"{self.writes_unanswered:,}"),
        ]
