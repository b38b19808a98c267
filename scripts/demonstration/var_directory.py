"""The directory of one demo, and those that killed demos left behind."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from demonstration.output import say
from tickets.config.embedded.cluster import PostgresCluster
from tickets.config.embedded.lease import keeper_lives, release_lease

PROJECT = Path(__file__).resolve().parents[2]
ENDS_WITHIN_SECONDS = 10
REMOVAL_ATTEMPTS = 20


@contextmanager
def new_var_directory() -> Iterator[Path]:
    """Yield a directory for one demo; remove it at the end, and those of demos that were killed."""
    var = PROJECT / "var"
    var.mkdir(exist_ok=True)
    for killed in var.glob("demo-*"):
        if is_abandoned(killed):
            shutil.rmtree(killed, ignore_errors=True)
    directory = Path(tempfile.mkdtemp(prefix="demo-", dir=var))
    lock = os.open(directory, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_SH)  # see is_abandoned
    try:
        yield directory
    finally:
        end_server(directory / "postgres")
        remove(directory)
        os.close(lock)


def end_server(postgres: Path) -> None:
    """End the server once its other users have ended, or after ENDS_WITHIN_SECONDS."""
    release_lease(postgres)
    deadline = time.monotonic() + ENDS_WITHIN_SECONDS
    while postgres.exists() and keeper_lives(postgres) and time.monotonic() < deadline:
        time.sleep(0.05)
    PostgresCluster(postgres).stop("immediate")


def remove(directory: Path) -> None:
    """Remove a directory in which a process that was cut off may still write a file."""
    for _ in range(REMOVAL_ATTEMPTS):
        with suppress(OSError):
            shutil.rmtree(directory)
            return
        time.sleep(0.1)
    say(f"Not removed, since a process still writes there: {directory}")


def is_abandoned(directory: Path) -> bool:
    """Tell whether neither a demo nor a keeper lives in this demo's directory."""
    try:
        lock = os.open(directory, os.O_RDONLY)
    except OSError:  # another account's
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    postgres = directory / "postgres"  # not there yet when the demo was killed very early
    return not postgres.exists() or not keeper_lives(postgres)
