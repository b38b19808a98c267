"""Driver errors for statements that this package ended."""

from __future__ import annotations

from token_rotation.postgres import driver


class SilentServerError(driver.OperationalError):
    """The connection was dropped, since nothing answered on it.

    Nobody knows what became of a COMMIT in flight.
    """


class StillAliveError(driver.QueryCanceled):
    """A live backend answered the cancel request that was the question.

    The statement changed nothing. Repeat it: it has twice the time now. ``seconds`` is the time
    that it had.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"a live statement was cancelled after {seconds:g} s or more without a sign of life"
        )
        self.seconds = seconds


setattr(StillAliveError, driver.SQLSTATE_NAME, "57014")
