"""No rotation: what the others are compared to, for the application's traffic."""

import time

from benchmark.recipe import Finished


class Quiet:
    """Lets `seconds` pass."""

    name = "quiet"
    rotates = False

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def run(self, database_url: str) -> Finished:  # noqa: ARG002  (a recipe's signature)
        time.sleep(self._seconds)
        return Finished(0, self._seconds, time.time(), wall_seconds=self._seconds)
