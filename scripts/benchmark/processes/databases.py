"""The same start for every run."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmark.announce import announce
from benchmark.errors import BenchmarkError
from benchmark.processes.connection import connected, one_value
from benchmark.processes.manage import TREE, manage
from benchmark.processes.secondary_indexes import secondary_indexes
from benchmark.recipes.recipe import Finished, Recipe
from tickets.config.embedded.cluster import PostgresCluster

_CLONE = "run"


class Databases:
    """Clones of databases with `rows` leaked tickets, keys from 1, fully migrated."""

    def __init__(self, cluster: PostgresCluster, tree: Path = TREE) -> None:
        """`tree` is the checkout whose code makes them."""
        self._cluster = cluster
        self.tree = tree
        self._made: set[str] = set()

    def server_version(self) -> str:
        """Such as 18.1."""
        return str(one_value(self._cluster.url(), "SHOW server_version"))

    def server_pid(self) -> int:
        """The process that starts all the others."""
        return int((self._cluster.data_directory / "postmaster.pid").read_text().split()[0])

    def prepare(self, rows: int) -> None:
        """Make what clones of so many rows are made of."""
        self._template(rows)

    @contextmanager
    def clone(self, rows: int, *, pending_rows: int | None = None) -> Iterator[str]:
        """URL of a new clone with fresh statistics, right after a checkpoint; dropped at the end.

        With `pending_rows` all rows but the last `pending_rows` were rotated before. Files are
        copied, not logged, so that the clone's own WAL does not bring a checkpoint on in the middle
        of the run.
        """
        template = self._template(rows)
        if pending_rows is not None and pending_rows < rows:
            template = self._rotated_in_part(template, rows, pending_rows)
        self._execute(f"CREATE DATABASE {_CLONE} TEMPLATE {template} STRATEGY FILE_COPY")
        url = self._cluster.url(_CLONE)
        try:
            self._execute("VACUUM (ANALYZE)", "CHECKPOINT", url=url)
            yield url
        finally:
            self._execute(f"DROP DATABASE {_CLONE} WITH (FORCE)")

    @contextmanager
    def filled_once(self, rows: int) -> Iterator[str]:
        """URL of a database as a clone is, without a template: there is no room for two.

        The index of the tokens is made after the rows: each token at a random place of an index
        that is larger than memory takes hours.
        """
        self._cluster.create_database(_CLONE)
        url = self._cluster.url(_CLONE)
        try:
            self._manage("migrate", "tickets", "0001", database_url=url)
            indexes = secondary_indexes(url)
            self._execute(*(index.drop for index in indexes), url=url)
            announce(f"filling a table with {rows:,} leaked rows")
            fill = partial(self._manage, "seed_tickets", database_url=url)
            shares = (rows // 2, rows - rows // 2)
            with ThreadPoolExecutor() as both:
                for ended in [both.submit(fill, "--size", str(share)) for share in shares]:
                    ended.result()
            announce("its indexes")
            self._execute(*(index.create for index in indexes), url=url)
            self._manage("migrate", database_url=url)
            self._execute("VACUUM (ANALYZE)", "CHECKPOINT", url=url)
            yield url
        finally:
            self._execute(f"DROP DATABASE {_CLONE} WITH (FORCE)")

    def check(self, url: str, recipe: Recipe, finished: Finished, rows: int) -> None:
        """Raise BenchmarkError unless the recipe has rotated every row: else it is not fast."""
        query = "SELECT count(*) FROM tickets_ticket WHERE token_rotated_at IS NULL"
        pending = one_value(url, query)
        if pending != 0 or finished.rows < rows:
            raise BenchmarkError(
                f"{recipe.title} rotated {finished.rows:,} of {rows:,} rows and left {pending}"
            )

    def _template(self, rows: int) -> str:
        """As an operator meets it: filled by the old application, migrated afterwards."""
        name = f"leaked_{rows}" if self.tree == TREE else f"leaked_{rows}_elsewhere"
        if name not in self._made:
            announce(f"seeding {rows:,} leaked rows")
            self._cluster.create_database(name)
            url = self._cluster.url(name)
            self._manage("migrate", "tickets", "0001", database_url=url)
            self._manage("seed_tickets", "--size", str(rows), database_url=url)
            self._manage("migrate", database_url=url)
            self._execute("VACUUM (ANALYZE)", url=url)
            self._made.add(name)
        return name

    def _rotated_in_part(self, template: str, rows: int, pending_rows: int) -> str:
        name = f"{template}_{pending_rows}"
        if name not in self._made:
            announce(f"rotating all but {pending_rows:,} of {rows:,} rows")
            self._execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
            url, limit = self._cluster.url(name), f"{rows - pending_rows}"
            self._manage("rotate_tokens", "--limit", limit, database_url=url, exit_codes=(3,))
            self._execute("VACUUM (ANALYZE)", url=url)
            self._made.add(name)
        return name

    def _manage(self, *words: str, database_url: str, exit_codes: Sequence[int] = (0,)) -> None:
        manage(*words, database_url=database_url, exit_codes=exit_codes, tree=self.tree)

    def _execute(self, *statements: str, url: str | None = None) -> None:
        with connected(url or self._cluster.url()) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
