"""Ctrl-C and its like: end early, and clean up."""

import signal
from typing import Any

from psycopg2.extras import wait_select

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """Turns the first signal into KeyboardInterrupt.

    `asked` stays true, because the driver turns the exception into one of a cancelled statement.
    """

    def __init__(self) -> None:
        self.asked = False
        self._passed_on = False
        for number in SIGNALS:
            signal.signal(number, self._interrupt)

    def _interrupt(self, _number: int, _frame: object) -> None:
        if not self.asked:
            self.asked = True
            raise KeyboardInterrupt

    def wait(self, connection: Any) -> None:
        """The driver's wait for an answer, so that Ctrl-C need not wait for the end of a statement.

        The driver cancels the statement then, and goes on where that came too late.
        """
        wait_select(connection)
        if self.asked and not self._passed_on:
            self._passed_on = True
            raise KeyboardInterrupt
