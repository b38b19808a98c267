"""The middle of what was measured."""

import statistics
from collections.abc import Iterable


def median(figures: Iterable[float | None]) -> float | None:
    """Of those that there are; None without any."""
    known = [figure for figure in figures if figure is not None]
    return statistics.median(known) if known else None
