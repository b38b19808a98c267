"""A process's lease on an embedded server.

The server runs at least as long as its leases.

Three lock files are in the server's directory. The kernel releases a lock when its process ends in
any way. Every process takes locks in this order: users, start, keeper.

users.lock   shared: a process that uses the server, until it ends.
             exclusive: the keeper; then no process uses the server, and none can begin to.
start.lock   exclusive: a process that starts or stops the server.
keeper.lock  exclusive: the one keeper that will stop the server. See ``keeper_lives``.
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
    """Open a lock file.

    Programs started later do not inherit it; forked processes do.
    """
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def ensure_server(directory: Path) -> None:
    """Make the server in ``directory`` accept connections to DATABASE_NAME.

    It runs until this process and the processes forked from it have ended. Raises ClusterError, or
    OSError if the directory cannot be used.
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


def release_lease(directory: Path) -> None:
    """Give up this process's lease, if it has one.

    The keeper stops the server once the other leases have ended, too.
    """
    with _leases_lock:
        descriptor = _leases.pop(directory, None)
    if descriptor is not None:
        os.close(descriptor)


def keeper_lives(directory: Path) -> bool:
    """Return True if a keeper will stop the server.

    The server is the one in ``directory``. Call it with a lease. Unlike the others this is a POSIX
    lock: the kernel releases the POSIX locks of an ending process before its flock() locks. So the
    next process that gets a lease sees the end of a keeper that was killed with users.lock.
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
    """Take this process's lease.

    Wait while a keeper is stopping the server.
    """
    if directory in _leases:
        return
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = open_lock(users_lock(directory))
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    _leases[directory] = descriptor


def _start_keeper(directory: Path) -> None:
    """Start a keeper; wait until the server has started.

    The keeper starts it, or leaves that to another keeper.
    """
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
