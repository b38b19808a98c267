"""Look from outside which rows are rotated: that is the same for every recipe."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg2.extensions import connection as Connection  # noqa: N812  (it is the class)

from benchmark.errors import BenchmarkError
from benchmark.processes.connection import connected

LOOK_SECONDS = 0.002
_END_VACUUM = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE datname = current_database() AND query LIKE 'VACUUM%'"
)
AT_MOST_SECONDS = 600.0


class Watch:
    """Keys are 1 to the number of rows, as seeded."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def await_rotated(
        self,
        key: int,
        process: "subprocess.Popen[bytes]",
        *,
        look_seconds: float = LOOK_SECONDS,
        at_most_seconds: float = AT_MOST_SECONDS,
    ) -> float:
        """Wait until the ticket is rotated, and return when that was seen (perf_counter).

        Raises BenchmarkError when the process ends before.
        """
        deadline = time.monotonic() + at_most_seconds
        while True:
            ended = process.poll() is not None  # asked first: its last commit is seen below
            if self._is_rotated(key):
                return time.perf_counter()
            if ended or time.monotonic() > deadline:
                raise BenchmarkError(f"a recipe ended, or hung, before it had rotated ticket {key}")
            time.sleep(look_seconds)

    def await_gone(self) -> None:
        """Wait until the server has noticed that its clients are dead.

        A VACUUM would notice it at its end, on a large table after minutes: it is ended here.
        """
        self._value(_END_VACUUM)
        query = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        deadline = time.monotonic() + AT_MOST_SECONDS
        while self._value(query):
            if time.monotonic() > deadline:
                raise BenchmarkError("the backends of a killed client did not end")
            time.sleep(LOOK_SECONDS)

    def next_pending(self, rotated: int, last: int) -> int | None:
        """A pending key whose predecessor is rotated; None when the last one is rotated as well.

        Halving touches a few rows only: a scan would clean up dead index entries, which the
        recipe has to do when it goes on.
        """
        if self._is_rotated(last):
            return None
        pending = last
        while pending - rotated > 1:
            middle = (rotated + pending) // 2
            if self._is_rotated(middle):
                rotated = middle
            else:
                pending = middle
        return pending

    def _is_rotated(self, key: int) -> bool:
        query = f"SELECT token_rotated_at IS NOT NULL FROM tickets_ticket WHERE id = {key:d}"
        return bool(self._value(query))

    def _value(self, query: str) -> object:
        with self._connection.cursor() as cursor:
            cursor.execute(query)
            (value,) = cursor.fetchone() or (None,)
            return value


@contextmanager
def watching(database_url: str) -> Iterator[Watch]:
    # Under a rotation's name, for it makes its batches small while another session works.
    with connected(database_url, application_name="rotate_tokens") as connection:
        yield Watch(connection)
