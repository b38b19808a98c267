"""The database server of one judge, with the database that its tests clone."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
from psycopg2 import sql

from tests.support.databases import make_server_directory
from tickets.config.embedded.cluster import PostgresCluster

TEMPLATE = "mutants_template"
# As in tests/conftest.py.
SETTINGS = {"fsync": "off", "full_page_writes": "off", "max_connections": "200"}


class Server:
    """A running server; ``template_url`` is a migrated, empty database of it."""

    def __init__(self, cluster: PostgresCluster, project: Path) -> None:
        self.url = cluster.url()
        self.template_url = cluster.url().replace("/postgres?", f"/{TEMPLATE}?")
        self._execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
        environment = {**os.environ, "DATABASE_URL": self.template_url}
        migrate = [sys.executable, f"{project / 'manage.py'}", "migrate", "--verbosity", "0"]
        subprocess.run(migrate, check=True, cwd=project, env=environment)

    def drop_leftovers(self) -> None:
        """Drop what tests made that were ended before they could tidy up."""
        names = self._execute(
            sql.SQL("SELECT datname FROM pg_database WHERE datname LIKE 'tickets\\_test\\_%'")
        )
        for name in names:
            drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            self._execute(drop.format(sql.Identifier(name)))

    def _execute(self, statement: sql.Composable) -> list[str]:
        connection = psycopg2.connect(self.url)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return [row[0] for row in cursor.fetchall()] if cursor.description else []
        finally:
            connection.close()


@contextmanager
def server(project: Path) -> Iterator[Server]:
    """A server that is gone afterwards."""
    directory = make_server_directory()
    cluster = PostgresCluster(directory, settings=SETTINGS)
    try:
        cluster.start()
        yield Server(cluster, project)
    finally:
        cluster.stop("immediate")
        shutil.rmtree(directory, ignore_errors=True)
        shutil.rmtree(cluster.socket_directory, ignore_errors=True)
