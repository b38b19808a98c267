"""Ctrl-C and its like: end early, and clean up."""

import signal

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """Turns the first signal into KeyboardInterrupt.

    `asked` stays true, because the driver turns the exception into one of a cancelled statement.
    """

    def __init__(self) -> None:
        self.asked = False
        for number in SIGNALS:
            signal.signal(number, self._interrupt)

    def _interrupt(self, _number: int, _frame: object) -> None:
        if not self.asked:
            self.asked = True
            raise KeyboardInterrupt
