"""A server for one benchmark."""

import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg2

from benchmark.announce import announce
from benchmark.interruption import SIGNALS
from benchmark.processes.programs import program_directory
from tickets.config.embedded.cluster import PostgresCluster


@contextmanager
def temporary_server(
    settings: Mapping[str, str], programs: Path | None = None
) -> Iterator[PostgresCluster]:
    """A running server in a temporary directory; both are gone afterwards, however it ends.

    Apart from `settings` it has PostgreSQL's defaults. `programs` are those of another version.
    """
    directory = Path(tempfile.mkdtemp(prefix="tickets-benchmark-"))
    directory.chmod(0o755)  # the server may run as another account
    cluster = PostgresCluster(
        directory, bin_directory=programs or program_directory(), settings=settings
    )
    try:
        cluster.start()
        yield cluster
    except psycopg2.OperationalError:  # the server may be gone, and its log will be
        announce(f"the server's last words: {_last_words(cluster)}")
        raise
    finally:
        # A Ctrl-C now must not leave a server behind.
        before = {number: signal.signal(number, signal.SIG_IGN) for number in SIGNALS}
        try:
            cluster.stop("immediate")
        finally:
            shutil.rmtree(directory, ignore_errors=True)
            shutil.rmtree(cluster.socket_directory, ignore_errors=True)
            for number, handler in before.items():
                signal.signal(number, handler)


def _last_words(cluster: PostgresCluster) -> str:
    return " | ".join(cluster.log_file.read_text(errors="replace").splitlines()[-8:])
