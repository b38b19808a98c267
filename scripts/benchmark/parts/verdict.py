"""Whether a figure is as it must be."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """A figure, what it is of, and its bound; exactly one of the bounds is set."""

    what: str
    figure: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def passed(self) -> bool:
        if self.at_least is not None and self.figure < self.at_least:
            return False
        return self.at_most is None or self.figure <= self.at_most

    def as_json(self) -> dict[str, object]:
        return {
            "what": self.what,
            "figure": self.figure,
            "needs_at_least": self.at_least,
            "needs_at_most": self.at_most,
            "passed": self.passed,
        }
