"""The rotation page on this machine, without TLS, until Ctrl-C."""

import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from demonstration.output import chapter, fail, say
from demonstration.site import Site, command_line
from demonstration.var_directory import PROJECT

HOST = "127.0.0.1"
USER = "demo"
ENDS_WITHIN_SECONDS = 10
ROTATION_SECONDS = 100  # long enough to watch; the page can change the pace


def serve(site: Site, tickets: int, port: int) -> None:
    """Leak and migrate, then serve the site until Ctrl-C."""
    refuse_used(port)
    site.leak(tickets)
    site.migrate()
    chapter(3, "a member of staff, and the site")
    password = secrets.token_urlsafe(12)
    account = ("--noinput", "--username", USER, "--email", f"{USER}@localhost")
    # In a variable: arguments of a process are visible to every account.
    site.manage("createsuperuser", *account, env={"DJANGO_SUPERUSER_PASSWORD": password})
    with serving(site, port) as server, suppress(KeyboardInterrupt):
        say(instructions(site, tickets, port, password))
        server.wait()
        fail(f"the site has ended:\n{log_of(site).read_text()}")
    end_rotations(site)
    say("\nThe site has ended. Its database is removed.")


def instructions(site: Site, tickets: int, port: int, password: str) -> str:
    rate = str(max(1, tickets // ROTATION_SECONDS))
    rotate = command_line(["rotate_tokens", "--max-rows-per-second", rate])
    variables = f"TICKETS_VAR_DIR={site.directory}"
    return (
        f"\nOpen this page:  http://{HOST}:{port}/rotation/\n"
        f"Log in as:       {USER}\n"
        f"Password:        {password}\n"
        "\nTo start a rotation, type this in a second terminal:\n"
        f"\n  {shlex.join(['env', '-u', 'DATABASE_URL', variables, *rotate])}\n"
        "\nCtrl-C here ends the site and any rotation, and removes the database."
    )


def refuse_used(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            fail(
                f"port {port} cannot be used: {os.strerror(error.errno or 0)}. Choose another one: "
                f"scripts/demo --page --port {port + 1 if port < 65_535 else 8000}"
            )


@contextmanager
def serving(site: Site, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Serve as deployed, but in debug mode: plain HTTP, and names of this machine only."""
    options = ("--bind", f"{HOST}:{port}", "--workers", "1", "--threads", "8")
    with log_of(site).open("wb") as log:
        server = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "gunicorn",
                "--config",
                "python:tickets.config.gunicorn",
                *options,
            ],
            cwd=PROJECT,
            env={
                **site.env,
                "DJANGO_DEBUG": "1",
                "DJANGO_SECRET_KEY": secrets.token_urlsafe(48),
                "OPERATIONS_ALWAYS_SYNCHRONOUS": "1",  # a demo has no workers
            },
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for this process, which then ends the server
        )
    try:
        wait_until_served(site, server, port)
        yield server
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # nothing below takes long
        end(server)


def wait_until_served(site: Site, server: "subprocess.Popen[bytes]", port: int) -> None:
    while server.poll() is None:
        with suppress(URLError, OSError), urlopen(f"http://{HOST}:{port}/healthz", timeout=5):
            return
        time.sleep(0.05)
    fail(f"the site does not start:\n{log_of(site).read_text()}")


def end(server: "subprocess.Popen[bytes]") -> None:
    server.send_signal(signal.SIGINT)  # gunicorn's quick shutdown
    try:
        server.wait(ENDS_WITHIN_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def end_rotations(site: Site) -> None:
    """Stop rotations in other terminals; the server outlives them (see new_var_directory)."""
    if site.has_other_clients():
        say("\nStopping the rotation in the other terminal ...")
    # Always: a rotation may be between two connections.
    site.start("rotate_tokens", "--stop", stdout=subprocess.DEVNULL).wait()


def log_of(site: Site) -> Path:
    return site.directory / "site.log"
