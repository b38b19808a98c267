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
from token_rotation.postgres import OPERATORS_WORK, watch_sessions


@contextmanager
def ending_waits() -> Iterator[None]:
    """Say what statements wait for. SIGINT ends them, and a second one the process.

    Python by itself hears of SIGINT when the driver returns, which may be never.
    """
    end_statements = watch_sessions(ShownWaits(_tell), OPERATORS_WORK, works_long=True)
    interrupted = Event()

    def interrupt() -> None:
        interrupted.set()
        end_statements()

    def execute(run: Callable[..., Any], *statement: Any) -> Any:
        # The driver may have swallowed the KeyboardInterrupt, in its callback for warnings.
        if interrupted.is_set():
            raise KeyboardInterrupt
        return run(*statement)

    with ExitStack() as stack:
        for alias in connections:
            stack.enter_context(connections[alias].execute_wrapper(execute))
        stack.enter_context(end_in_time([signal.SIGINT], at_first=interrupt))
        try:
            yield
        except (DatabaseError, InterfaceError):  # of the statement that was ended
            if interrupted.is_set():
                raise KeyboardInterrupt from None
            raise


def _tell(line: str) -> None:
    # migrate has left its "Applying ..." line open.
    sys.stderr.write(f"\n{line}\n" if sys.stderr.isatty() else f"{line}\n")
    sys.stderr.flush()
