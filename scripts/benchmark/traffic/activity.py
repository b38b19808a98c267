"""What the server's processes and the cores are doing meanwhile: why something is slow."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psutil

from benchmark.processes.connection import connected

SAMPLE_SECONDS = 0.1

# A working backend that waits for nothing is on a core, or wants to be.
_QUERY = """
SELECT CASE WHEN application_name = 'pgbench' THEN 'traffic'
            WHEN backend_type = 'client backend' THEN 'rotation'
            ELSE backend_type END,
       coalesce(wait_event_type || '/' || wait_event, 'CPU'),
       count(*)
FROM pg_stat_activity
WHERE pid <> pg_backend_pid()
  AND CASE WHEN backend_type = 'client backend' THEN state = 'active'
           ELSE wait_event_type IS DISTINCT FROM 'Activity' END
GROUP BY 1, 2
"""


class Activity:
    """`backends` holds how many backends, on average, were doing what, e.g. "traffic: CPU"."""

    def __init__(self) -> None:
        self.backends: dict[str, float] = {}
        self.cpu_busy_percent = 0.0

    def sample(self, database_url: str, stop: threading.Event) -> None:
        seen: Counter[str] = Counter()
        samples = 0
        psutil.cpu_percent()  # it says what was since the last call
        with connected(database_url) as connection, connection.cursor() as cursor:
            while not stop.wait(SAMPLE_SECONDS):
                cursor.execute(_QUERY)
                samples += 1
                for who, what, backends in cursor.fetchall():
                    seen[f"{who}: {what}"] += backends
        self.cpu_busy_percent = psutil.cpu_percent()
        self.backends = {
            doing: round(times / samples, 3) for doing, times in seen.most_common() if samples
        }


@contextmanager
def sampled_activity(database_url: str) -> Iterator[Activity]:
    """Sample until the end of the block; the figures are there afterwards."""
    activity, stop = Activity(), threading.Event()
    with ThreadPoolExecutor(max_workers=1) as pool:
        sampling = pool.submit(activity.sample, database_url, stop)
        try:
            yield activity
        finally:
            stop.set()
        sampling.result()
