"""A disk that is full for a while: a small file system in memory, with the tickets on it."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmark.processes.connection import connected

from soaking.faults.fault import Fault
from soaking.faults.stage import Stage
from tickets.config.embedded.account import ServerAccount

MEGABYTES = 384
CHUNK = bytes(64 * 1024)

_INDEXES = "SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'tickets_ticket'::regclass"


@contextmanager
def small_disk() -> Iterator[Path | None]:
    """Mount a small file system while inside; yield None where this process may not."""
    with tempfile.TemporaryDirectory(prefix="tickets-soak-") as directory:
        Path(directory).chmod(0o755)
        options = ["-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", directory]
        if not _succeeds("mount", *options):
            yield None
            return
        try:
            yield Path(directory)
        finally:
            _succeeds("umount", "--lazy", directory)


def move_tickets(database_url: str, disk: Path) -> None:
    """Keep the tickets and their indexes on that disk."""
    place = disk / "tablespace"
    place.mkdir()
    ServerAccount.for_this_process().own(place)
    with connected(database_url) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLESPACE small LOCATION '{place}'")
        cursor.execute("ALTER TABLE tickets_ticket SET TABLESPACE small")
        cursor.execute(_INDEXES)
        for (index,) in cursor.fetchall():
            cursor.execute(f"ALTER INDEX {index} SET TABLESPACE small")


class FullDisk(Fault):
    """Somebody's file takes all that is left."""

    name = "full disk"

    def __init__(self, stage: Stage, disk: Path) -> None:
        super().__init__(stage)
        self._ballast = disk / "ballast"

    def inflict(self) -> bool:
        with self._ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(CHUNK)
        self.stage.hold(1.0, 6.0)
        self.mend()
        return True

    def mend(self) -> None:
        self._ballast.unlink(missing_ok=True)


def _succeeds(*command: str) -> bool:
    try:
        done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True)
    except OSError:
        return False
    return done.returncode == 0
