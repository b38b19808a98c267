"""The same start for every run."""

from collections.abc import Iterator
from contextlib import contextmanager

from benchmark.connection import connected
from benchmark.errors import BenchmarkError
from benchmark.manage import manage
from benchmark.recipe import Finished, Recipe
from tickets.config.embedded.cluster import PostgresCluster

_TEMPLATE = "leaked"
_CLONE = "run"


class Databases:
    """Clones of one database with `rows` leaked tickets, fully migrated."""

    def __init__(self, cluster: PostgresCluster, rows: int) -> None:
        self._cluster = cluster
        self.rows = rows
        self._make_template()

    def server_version(self) -> str:
        """Such as 18.1."""
        with connected(self._cluster.url()) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW server_version")
            (version,) = cursor.fetchone() or ("unknown",)
            return str(version)

    @contextmanager
    def clone(self) -> Iterator[str]:
        """URL of a new clone with fresh statistics, right after a checkpoint; dropped at the end.

        Files are copied, not logged, so that the clone's own WAL does not bring a checkpoint on
        in the middle of the run.
        """
        self._execute(f"CREATE DATABASE {_CLONE} TEMPLATE {_TEMPLATE} STRATEGY FILE_COPY")
        url = self._cluster.url(_CLONE)
        try:
            self._execute("VACUUM (ANALYZE)", "CHECKPOINT", url=url)
            yield url
        finally:
            self._execute(f"DROP DATABASE {_CLONE} WITH (FORCE)")

    def check(self, url: str, recipe: Recipe, finished: Finished) -> None:
        """Raise BenchmarkError unless the recipe has rotated every row: else it is not fast."""
        if not recipe.rotates:
            return
        with connected(url) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM tickets_ticket WHERE token_rotated_at IS NULL")
            (pending,) = cursor.fetchone() or (None,)
        if pending != 0 or finished.rows < self.rows:
            raise BenchmarkError(
                f"{recipe.name} rotated {finished.rows:,} of {self.rows:,} rows and left {pending}"
            )

    def _make_template(self) -> None:
        """As an operator meets it: filled by the old application, migrated afterwards."""
        self._cluster.create_database(_TEMPLATE)
        url = self._cluster.url(_TEMPLATE)
        manage("migrate", "tickets", "0001", database_url=url)
        manage("seed_tickets", "--size", str(self.rows), database_url=url)
        manage("migrate", database_url=url)
        self._execute("VACUUM (ANALYZE)", url=url)

    def _execute(self, *statements: str, url: str | None = None) -> None:
        with connected(url or self._cluster.url()) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
