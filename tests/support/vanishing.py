"""A server on a machine of its own, in a network namespace, that can vanish from the network.

Whoever is connected to it hears nothing more then, no end and no refusal, as when a machine loses
its power. Needs root and iproute2.
"""

import os
import shutil
import socket
import subprocess
import sys
import uuid
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.support.waiting import until

IP = shutil.which("ip", path=f"{os.environ['PATH']}:/usr/sbin")
PORT = 5432
FORWARD = """
import asyncio, sys

async def copy(source, sink):
    while data := await source.read(65536):
        sink.write(data)
        await sink.drain()
    sink.close()

async def serve(reader, writer):
    server_reader, server_writer = await asyncio.open_unix_connection(sys.argv[1])
    await asyncio.gather(copy(reader, server_writer), copy(server_reader, writer))

async def main():
    await asyncio.start_server(serve, "0.0.0.0", int(sys.argv[2]))
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


class VanishingMachine:
    """Forwards its port to a server's Unix socket, which knows no network namespaces."""

    def __init__(self, database_url: str) -> None:
        parts = urlsplit(database_url)
        query = parse_qs(parts.query)
        directory, port = query["host"][0], query["port"][0]
        self._socket = Path(directory) / f".s.PGSQL.{port}"
        name = uuid.uuid4()
        # Four addresses of 198.18.0.0/15, which RFC 2544 sets aside for tests.
        first = int(ip_address("198.18.0.0")) + name.int % 2**15 * 4
        self._here, self._there = ip_address(first + 1), ip_address(first + 2)
        # A run has bounds of its own, six times as long.
        bounds = "connect_timeout=2&keepalives_idle=2&keepalives_interval=1&tcp_user_timeout=5000"
        self.url = f"postgresql://{parts.username}@{self._there}:{PORT}{parts.path}?{bounds}"
        self._namespace, self._near, self._far = (
            f"{what}-{name.hex[:6]}" for what in ("gone", "near", "far")
        )
        self._forwarder: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Raises CalledProcessError where this process may not make a network."""
        self._ip("netns", "add", self._namespace)
        self._ip(
            *("link", "add", self._near, "type", "veth"),
            *("peer", "name", self._far, "netns", self._namespace),
        )
        self._ip("address", "add", f"{self._here}/30", "dev", self._near)
        self._ip("link", "set", self._near, "up")
        self._ip("-n", self._namespace, "address", "add", f"{self._there}/30", "dev", self._far)
        self._ip("-n", self._namespace, "link", "set", self._far, "up")
        words = (sys.executable, "-c", FORWARD, str(self._socket), str(PORT))
        self._forwarder = subprocess.Popen(
            [str(IP), "netns", "exec", self._namespace, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._forwarder.stdout is not None
        if self._forwarder.stdout.readline() != "ready\n":
            raise subprocess.CalledProcessError(1, words, stderr=b"nothing runs in the namespace")
        until(self._answers)

    def vanish(self) -> None:
        self._ip("-n", self._namespace, "link", "set", self._far, "down")

    def come_back(self) -> None:
        """Returns when it can be reached: the kernel takes a while to see that a link is up, and
        to forget that nobody answered on it (EHOSTUNREACH)."""
        self._ip("-n", self._namespace, "link", "set", self._far, "up")
        until(self._answers)

    def end(self) -> None:
        if self._forwarder is not None:
            self._forwarder.kill()
            self._forwarder.communicate()
        subprocess.run([str(IP), "netns", "del", self._namespace], check=False)

    def _answers(self) -> bool:
        try:
            socket.create_connection((str(self._there), PORT), timeout=1).close()
        except OSError:
            return False
        return True

    def _ip(self, *words: str) -> None:
        subprocess.run([str(IP), *words], check=True, capture_output=True)
