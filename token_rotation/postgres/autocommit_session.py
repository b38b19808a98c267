"""A connection for long statements outside a transaction.

They cannot run in one, such as VACUUM.
"""

from __future__ import annotations

from collections.abc import Callable

from django.db import OperationalError

from token_rotation.errors import DatabaseGoneError
from token_rotation.events import Observer
from token_rotation.postgres import driver, statements
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.faults.failures import reason_of
from token_rotation.postgres.silence.bounds import LONG_WORK

COST_DELAY_MS = 2
COST_LIMIT = 200
"""With the delay, the pace that autovacuum has by default: at most 40 MB/s made dirty."""

CANCELLED = "it was cancelled"
POOLER = (
    "a connection pooler drops the start-up options that keep it from disturbing traffic; give it "
    "a DATABASE_URL that leads straight to the server"
)


class AutocommitSession:
    """A session for VACUUM or REINDEX CONCURRENTLY.

    It has a cost limit of its own, and no parallel workers.

    The settings are start-up options: SET LOCAL needs a transaction, and a plain SET would stay
    behind in a pooled session. There is no timeout. One meant for requests would kill the work on a
    large table over and over. The locks of these statements stop no read and no write, not even
    while they are waited for.
    """

    def __init__(
        self,
        database: str,
        *,
        cost_limit: int = COST_LIMIT,
        observe: Observer = lambda _: None,
    ) -> None:
        self.cancelled = False
        self._cost = (COST_DELAY_MS, cost_limit)
        self._connection = Connection(
            database,
            outside_transactions=True,
            bounds=LONG_WORK,
            observe=observe,
            startup_options=f"-c vacuum_cost_delay={COST_DELAY_MS}ms "
            f"-c vacuum_cost_limit={cost_limit} -c max_parallel_maintenance_workers=0 "
            f"-c backend_flush_after={statements.WRITE_BACK_PAGES} "
            "-c statement_timeout=0 -c lock_timeout=0 -c client_min_messages=warning",
        )

    def attempt(self, work: Callable[[Connection], str | None]) -> str | None:
        """Do ``work`` and close the connection.

        None when it is done, else the reason for people.

        Database errors become reasons; ``work`` may return one of its own.
        """
        try:
            if tuple(self._connection.row(statements.vacuum_cost()) or ()) != self._cost:
                return POOLER
            self._connection.rows(statements.without_transaction_timeout())
            return CANCELLED if self.cancelled else work(self._connection)
        except driver.Error as error:
            if self.cancelled:
                return CANCELLED
            return POOLER if "startup parameter" in str(error) else reason_of(error)
        except DatabaseGoneError as error:  # after a COMMIT whose standby was given up
            return str(error)
        except OperationalError as error:  # Django's own: an embedded server that does not start
            return str(error)
        finally:
            self._connection.close()

    def cancel(self) -> None:
        """End the work, from any thread. Returns at once.

        Call it again while the work goes on. The work may have been between two statements.
        """
        self.cancelled = True
        self._connection.cancel()
