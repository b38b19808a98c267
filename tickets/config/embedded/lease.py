"""A process's lease on an embedded server: the server runs at least as long as its leases.

Three lock files in the server's directory; the kernel drops their locks when a process ends,
however it ends. Locks are taken in this order only: users, start, keeper.

users.lock   shared: a process that uses the server, for the rest of its life.
             exclusive: the keeper; having got it, nobody is left, and nobody can come.
start.lock   exclusive: whoever is starting or stopping the server.
keeper.lock  exclusive: the one keeper that will stop the server. See `keeper_lives`.
"""

import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

from tickets.config.embedded import DATABASE_NAME
from tickets.config.embedded.cluster import PostgresCluster
from tickets.config.embedded.errors import ClusterError

_PROJECT_DIRECTORY = Path(__file__).resolve().parents[3]
_KEEPER_ATTEMPTS = 5
READY = "ready"

_leases: dict[Path, int] = {}
_leases_lock = threading.Lock()


def users_lock(directory: Path) -> Path:
    """Return the file whose shared lock is a lease."""
    return directory / "users.lock"


def start_lock(directory: Path) -> Path:
    """Return the file whose lock serialises starting and stopping."""
    return directory / "start.lock"


def keeper_lock(directory: Path) -> Path:
    """Return the file whose lock says that a keeper lives."""
    return directory / "keeper.lock"


def open_lock(path: Path) -> int:
    """Open a lock file. Programs started later do not inherit it; forked processes do."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def ensure_server(directory: Path) -> None:
    """Return with the server in `directory` accepting connections to DATABASE_NAME. It keeps
    running until this process and the processes forked from it have ended.

    Raises ClusterError, or OSError when the directory cannot be used.
    """
    with _leases_lock:
        cluster = PostgresCluster(directory)
        cluster.refuse_foreign()  # before lock files that their owner could not open
        _take_lease(directory)
        for _ in range(_KEEPER_ATTEMPTS):
            if keeper_lives(directory) and cluster.accepts_connections(DATABASE_NAME):
                return
            _start_keeper(directory)
    raise ClusterError(f"the server in {directory} keeps ending as soon as it is started")


def keeper_lives(directory: Path) -> bool:
    """Tell whether a keeper will stop the server in `directory`, for a holder of a lease.

    This is a POSIX lock, unlike the others, because the kernel drops POSIX locks of an ending
    process before its flock() locks. So a keeper that is killed while it holds users.lock is
    seen as gone by whoever gets a lease next.
    """
    descriptor = open_lock(keeper_lock(directory))
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def _take_lease(directory: Path) -> None:
    """Take this process's lease, waiting while a keeper is stopping the server."""
    if directory in _leases:
        return
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = open_lock(users_lock(directory))
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    _leases[directory] = descriptor


def _start_keeper(directory: Path) -> None:
    """Start a keeper and wait until it has started the server, or has left it to another one."""
    answer = subprocess.run(
        [sys.executable, "-m", "tickets.config.embedded.keeper", str(directory)],
        cwd=_PROJECT_DIRECTORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # the terminal's Ctrl-C is not for it
        check=False,
    ).stdout.strip()
    if answer and answer != READY:
        raise ClusterError(answer)
