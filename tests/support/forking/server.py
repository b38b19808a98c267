"""Runs manage.py, and Django's commands of other projects, in processes forked from this one.

Usage: ``python -m tests.support.forking.server SOCKET [IMPORTED_ANEW...]``.

Most of what a short command does is to import packages, and to take them apart again. Here they are
imported once; modules whose names begin with IMPORTED_ANEW, project settings among them, and all
that depends on them, are imported by each command itself. Without IMPORTED_ANEW this process has
the site's settings by its own environment, and a command takes no more than the name of its
database from that of its own.
A connection to SOCKET brings Python's words, the environment, the directory, whether it is to have
a session of its own, two files for what is said, and perhaps one of what is typed; it is answered
with the process id, and with the exit code at the end. The server ends with its stdin.
"""

import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
import traceback
import warnings
from contextlib import suppress
from importlib import import_module
from urllib.parse import urlsplit

from tests.support.forking import PROJECT, REQUEST_BYTES

SERVERS = (
    *("celery.apps.worker", "celery.bin.celery", "celery.concurrency.prefork"),
    *("celery.worker.consumer", "kombu.transport.redis"),
    *("gunicorn.app.wsgiapp", "gunicorn.workers.gthread"),
)
"""What Celery and gunicorn import at their start."""


def main(path: str, *imported_anew: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C at the suite ends it without a word
    if imported_anew:
        os.environ.pop("DJANGO_SETTINGS_MODULE", None)  # each command brings its own
        import_packages(imported_anew)
    else:
        get_ready()
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


def get_ready() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tickets.config.settings")
    import_all()
    from django.core.management.commands import check, migrate  # noqa: F401, PLC0415
    from django.db.migrations.loader import MigrationLoader  # noqa: PLC0415

    from tickets.config import command_line, urls  # noqa: F401, PLC0415

    MigrationLoader(None)  # imports all migrations


def import_packages(imported_anew: tuple[str, ...]) -> None:
    """Import what a command has imported in the end, as far as that needs no settings."""
    read_end, write_end = os.pipe()
    if os.fork() == 0:
        os.environ["DJANGO_SETTINGS_MODULE"] = "tickets.config.settings"
        import_all()
        os.write(write_end, json.dumps(list(sys.modules)).encode())
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as names:
        for name in json.load(names):
            if not name.startswith(imported_anew):
                with suppress(Exception):  # it does need them
                    import_module(name)
    os.wait()


def import_all() -> None:
    import django  # noqa: PLC0415
    from django.core.management import get_commands, load_command_class  # noqa: PLC0415

    django.setup()
    for name in SERVERS:
        import_module(name)
    for name, app in get_commands().items():
        if app.startswith(("token_rotation", "tickets")) or name in {"migrate", "check"}:
            load_command_class(app, name)


def serve(connection: socket.socket) -> None:
    """Run one command, and say its process id and its exit code, a message each."""
    request, files, _, _ = socket.recv_fds(connection, REQUEST_BYTES, 3)
    pid = os.fork()
    if pid == 0:
        connection.close()
        signal.signal(signal.SIGINT, signal.default_int_handler)  # as Python begins
        words, environment, directory, session = json.loads(request)
        if session:
            os.setsid()
        os.environ.clear()
        os.environ.update(environment)
        enter(directory)
        take_database()
        said, told, *heard = files
        stdin = heard[0] if heard else os.open(os.devnull, os.O_RDONLY)
        for number, file in enumerate((stdin, said, told)):
            os.dup2(file, number)
        os._exit(code_of(words))  # Python's own end would take all apart first
    connection.sendall(f"{pid}".encode())
    _, status = os.waitpid(pid, 0)
    connection.sendall(f"{os.waitstatus_to_exitcode(status)}".encode())


def enter(directory: str) -> None:
    """Be where the command is to run, with what Python reads at its start."""
    sys.dont_write_bytecode = "PYTHONDONTWRITEBYTECODE" in os.environ
    if directory != str(PROJECT):
        os.chdir(directory)
        sys.path.remove(str(PROJECT))
        sys.path[:0] = [directory, *os.environ["PYTHONPATH"].split(os.pathsep)]
        importlib.invalidate_caches()


def take_database() -> None:
    """Where settings were read before, let them name the database of this environment."""
    conf = sys.modules.get("django.conf")
    if conf is not None and conf.settings.configured:
        url = urlsplit(os.environ["DATABASE_URL"])
        conf.settings.DATABASES["default"]["NAME"] = url.path.lstrip("/")


def code_of(words: list[str]) -> int:
    """Run the command, all of whose output is written then."""
    try:
        run(words)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  (a test shows it)
        traceback.print_exc()
    else:
        return 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        threading._shutdown()  # as Python does: a command that hangs at its end must not pass
    return 1


def run(words: list[str]) -> None:
    """As ``python`` with these words does."""
    while words[0] == "-W":
        warnings._processoptions(words[1:2])
        words = words[2:]
    if words[0] == "-m":
        sys.argv = words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    elif words[0] == "-c":
        sys.argv = ["-c", *words[2:]]
        exec(compile(words[1], "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv = words
        runpy.run_path(os.path.abspath(words[0]), run_name="__main__")  # noqa: PTH100  (of strings)


if __name__ == "__main__":
    main(*sys.argv[1:])
