"""Bytes that the server wrote to its log a row, whole pages after the checkpoint included."""

from benchmark.processes.connection import one_value
from benchmark.recipes.recipe import Finished

_POSITION = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"


class WalPerRow:
    key = "wal_bytes_per_row"
    title = "WAL bytes/row"

    def __init__(self) -> None:
        self._before_bytes = 0

    def start(self, database_url: str) -> None:
        self._before_bytes = one_value(database_url, _POSITION)

    def read(self, database_url: str, finished: Finished) -> float | None:
        after_bytes: int = one_value(database_url, _POSITION)
        return (after_bytes - self._before_bytes) / finished.rows

    def shown(self, figure: float) -> str:
        return f"{figure:,.0f}"
