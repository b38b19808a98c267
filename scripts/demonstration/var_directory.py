"""The directory of one demo, and those that killed demos left behind."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tickets.config.embedded.cluster import PostgresCluster
from tickets.config.embedded.lease import keeper_lives

PROJECT = Path(__file__).resolve().parents[2]


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
        PostgresCluster(directory / "postgres").stop("immediate")
        shutil.rmtree(directory)
        os.close(lock)


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
