"""What came of the requests."""

from collections import Counter, defaultdict
from threading import Lock
from typing import Any

SHOWN_FAILURES = 20


class Counts:
    """Counts and latencies by phase, failures, and what happened to links. Safe for threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._latencies_ms: defaultdict[str, list[float]] = defaultdict(list)
        self._counts: Counter[str] = Counter()
        self._failures: list[str] = []

    def add(self, phase: str, operation: str, latency_ms: float, failure: str | None) -> None:
        with self._lock:
            self._latencies_ms[phase].append(latency_ms)
            self._counts[operation] += 1
            if failure is not None:
                self._failures.append(f"{operation} during {phase!r}: {failure}")

    def count(self, event: str) -> None:
        with self._lock:
            self._counts[event] += 1

    def requests(self, phase: str) -> int:
        with self._lock:
            return len(self._latencies_ms[phase])

    def summary(self) -> dict[str, Any]:
        with self._lock:
            return {
                "phases": {phase: _percentiles(ms) for phase, ms in self._latencies_ms.items()},
                "counts": dict(self._counts),
                "failed": len(self._failures),
                "failures": self._failures[:SHOWN_FAILURES],
            }


def _percentiles(latencies_ms: list[float]) -> dict[str, float]:
    ordered = sorted(latencies_ms)
    last = len(ordered) - 1
    return {
        "requests": len(ordered),
        **{f"p{p}_ms": round(ordered[round(last * p / 100)], 1) for p in (50, 95, 99)},
        "max_ms": round(ordered[-1], 1),
    }
