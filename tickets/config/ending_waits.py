"""The waits of Django's commands: told, and ended by Ctrl-C."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Event
from typing import Any

from django.db import DatabaseError, InterfaceError, connections

from tickets.management.waits import ShownWaits
from token_rotation.command_line import end_in_time
from token_rotation.postgres import OPERATORS_WORK, first_of, is_lost, watch_sessions


class CommitCutError(KeyboardInterrupt):
    """SIGINT has cut off a COMMIT, or the connection on which one may have been in flight."""


@contextmanager
def ending_waits() -> Iterator[None]:
    """Say what statements wait for. SIGINT ends them, and a second one the process.

    Python by itself hears of SIGINT when the driver returns, which may be never. Raises
    CommitCutError where it may have ended a COMMIT.
    """
    waits, interrupted = _Waits(_tell), Event()
    end_statements = watch_sessions(waits, OPERATORS_WORK, works_long=True)

    def interrupt() -> None:
        interrupted.set()
        end_statements()

    def execute(run: Callable[..., Any], *statement: Any) -> Any:
        # The driver may have swallowed the KeyboardInterrupt, in its callback for warnings.
        if interrupted.is_set():
            raise KeyboardInterrupt
        waits.of_a_commit.clear()  # which has ended by itself
        return run(*statement)

    with ExitStack() as stack:
        for alias in connections:
            stack.enter_context(connections[alias].execute_wrapper(execute))
        stack.enter_context(end_in_time([signal.SIGINT], at_first=interrupt))
        try:
            yield
        except (KeyboardInterrupt, DatabaseError, InterfaceError) as error:
            if not interrupted.is_set():
                raise
            if waits.of_a_commit.is_set() or _is_lost(error):
                raise CommitCutError from None
            raise KeyboardInterrupt from None


class _Waits(ShownWaits):
    """Also knows if a COMMIT was the last statement that waited."""

    def __init__(self, write: Callable[[str], object]) -> None:
        super().__init__(write)
        self.of_a_commit = Event()

    def __call__(self, event: object) -> None:
        if "COMMIT" in str(event):
            self.of_a_commit.set()
        super().__call__(event)


def _is_lost(error: BaseException) -> bool:
    before = error if isinstance(error, Exception) else error.__context__
    return isinstance(before, Exception) and is_lost(first_of(before))


def _tell(line: str) -> None:
    # migrate has left its "Applying ..." line open.
    sys.stderr.write(f"\n{line}\n" if sys.stderr.isatty() else f"{line}\n")
    sys.stderr.flush()
