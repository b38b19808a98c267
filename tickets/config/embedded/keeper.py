"""The process that starts and stops an embedded server.

It stops the server after the last lease.

Usage: python -m tickets.config.embedded.keeper DIRECTORY

1. Under start.lock: start the server unless it runs, and try to become the keeper.
2. Report to the process that asked: "ready", or the error, on one line of stdout.
3. If there is a keeper already, end. Else wait for users.lock, until nobody uses the server.
4. With users.lock and start.lock, stop the server. start.lock: a process that died may have asked
   for a start.
"""

import contextlib
import fcntl
import os
import sys
import time
from pathlib import Path

from tickets.config.embedded import DATABASE_NAME
from tickets.config.embedded.cluster import PostgresCluster
from tickets.config.embedded.errors import ClusterError
from tickets.config.embedded.lease import READY, keeper_lock, open_lock, start_lock, users_lock

_LOCK_ATTEMPTS = 5


def main(directory: Path) -> None:
    cluster = PostgresCluster(directory)
    keeper = open_lock(keeper_lock(directory))
    starting = open_lock(start_lock(directory))
    fcntl.flock(starting, fcntl.LOCK_EX)
    try:
        cluster.start()
        cluster.create_database(DATABASE_NAME)
        outcome = READY
    except Exception as error:  # noqa: BLE001  (for the process that asked)
        outcome = " ".join(f"{error}".split())
    is_keeper = _try_lock(keeper)
    fcntl.flock(starting, fcntl.LOCK_UN)
    _report(outcome)
    if is_keeper:
        _stop_after_last_lease(cluster, keeper, starting)


def _try_lock(descriptor: int) -> bool:
    """Try several times to become the keeper.

    A look for a keeper takes the lock too.
    """
    for _ in range(_LOCK_ATTEMPTS):
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.01)
        else:
            return True
    return False


def _report(outcome: str) -> None:
    """Report the outcome, then release the pipe.

    The process that asked may be gone.
    """
    with contextlib.suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), f"{outcome}\n".encode())
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)


def _stop_after_last_lease(cluster: PostgresCluster, keeper: int, starting: int) -> None:
    users = open_lock(users_lock(cluster.directory))
    fcntl.flock(users, fcntl.LOCK_EX)
    fcntl.flock(starting, fcntl.LOCK_EX)
    try:
        cluster.stop("fast")
    except ClusterError:
        cluster.stop("immediate")
    # In this order: whoever gets a lease next must see that this keeper is gone.
    os.close(keeper)
    os.close(starting)
    os.close(users)


if __name__ == "__main__":
    # The process that asked waits for its child, which ends here; the keeper outlives it.
    if os.fork() == 0:
        main(Path(sys.argv[1]))
