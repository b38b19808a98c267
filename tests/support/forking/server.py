"""Runs manage.py in processes forked from this one.

Usage: ``python -m tests.support.forking.server SOCKET``.

Most of what a short command does is to import packages, and to take them apart again. Here they are
imported once; project settings, and all that depends on them, are imported by each command itself.
A connection to SOCKET brings the words, the environment and two files for what is said; it is
answered with the process id, and with the exit code at the end. The server ends with its stdin.
"""

import gc
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
import traceback
from contextlib import suppress
from importlib import import_module

from tests.support.forking import PROJECT, REQUEST_BYTES

SETTINGS = "tickets.config"


def main(path: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C at the suite ends it without a word
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)  # each command brings its own
    import_packages()
    gc.freeze()
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener,
        selectors.DefaultSelector() as events,
    ):
        listener.bind(path)
        listener.listen()
        events.register(listener, selectors.EVENT_READ)
        events.register(sys.stdin, selectors.EVENT_READ)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that serve
        while all(key.fileobj is listener for key, _ in events.select()):
            connection, _ = listener.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                serve(connection)
                os._exit(0)
            connection.close()


def import_packages() -> None:
    """Import what a command has imported in the end, as far as that needs no settings."""
    read_end, write_end = os.pipe()
    if os.fork() == 0:
        os.environ["DJANGO_SETTINGS_MODULE"] = f"{SETTINGS}.settings"
        import_all()
        os.write(write_end, json.dumps(list(sys.modules)).encode())
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as names:
        for name in json.load(names):
            if not name.startswith((SETTINGS, "tests")):
                with suppress(Exception):  # it does need them
                    import_module(name)
    os.wait()


def import_all() -> None:
    import django  # noqa: PLC0415
    from django.core.management import get_commands, load_command_class  # noqa: PLC0415

    django.setup()
    for name in ("rotate_tokens", "migrate", "check"):
        load_command_class(get_commands()[name], name)


def serve(connection: socket.socket) -> None:
    """Run one command, and say its process id and its exit code, a message each."""
    request, files, _, _ = socket.recv_fds(connection, REQUEST_BYTES, 2)
    pid = os.fork()
    if pid == 0:
        connection.close()
        signal.signal(signal.SIGINT, signal.default_int_handler)  # as Python begins
        words, environment = json.loads(request)
        os.environ.clear()
        os.environ.update(environment)
        for number, file in enumerate((os.open(os.devnull, os.O_RDONLY), *files)):
            os.dup2(file, number)
        os._exit(code_of(words))  # Python's own end would take all apart first
    connection.sendall(f"{pid}".encode())
    _, status = os.waitpid(pid, 0)
    connection.sendall(f"{os.waitstatus_to_exitcode(status)}".encode())


def code_of(words: list[str]) -> int:
    """Run the command, all of whose output is written then."""
    sys.argv = ["manage.py", *words]
    try:
        runpy.run_path(str(PROJECT / "manage.py"), run_name="__main__")
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException:  # noqa: BLE001  (a test shows it)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        threading._shutdown()  # as Python does: a command that hangs at its end must not pass
    return 1


if __name__ == "__main__":
    main(sys.argv[1])
