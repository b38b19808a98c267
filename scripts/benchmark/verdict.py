"""Whether a ratio is as it must be."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """A ratio, what it is of, and its bound; exactly one of the bounds is set."""

    what: str
    ratio: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def passed(self) -> bool:
        if self.at_least is not None and self.ratio < self.at_least:
            return False
        return self.at_most is None or self.ratio <= self.at_most

    def __str__(self) -> str:
        bound = f">= {self.at_least:.2f}" if self.at_least is not None else f"<= {self.at_most:.2f}"
        return f"{self.what}: {self.ratio:.2f} (needs {bound})"

    def as_json(self) -> dict[str, object]:
        return {
            "what": self.what,
            "ratio": self.ratio,
            "needs_at_least": self.at_least,
            "needs_at_most": self.at_most,
            "passed": self.passed,
        }
