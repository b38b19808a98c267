"""The fastest a plain statement can be; it holds every row that it has touched until its end."""

import time

from benchmark.connection import connected
from benchmark.recipe import Finished

STATEMENT = "UPDATE tickets_ticket SET token = gen_random_uuid(), token_rotated_at = now()"


class SingleUpdate:
    """One UPDATE of the whole table, through one connection."""

    name = "single UPDATE"
    rotates = True

    def run(self, database_url: str) -> Finished:
        with connected(database_url) as connection, connection.cursor() as cursor:
            started = time.perf_counter()
            cursor.execute(STATEMENT)
            seconds = time.perf_counter() - started
            ended_at = time.time()
            return Finished(cursor.rowcount, seconds, ended_at, wall_seconds=seconds)
