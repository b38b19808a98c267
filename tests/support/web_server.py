"""Run a site under gunicorn, as it is deployed."""

import os
import re
import socket
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection
from pathlib import Path

from tests.support.forking.client import OF_THE_SITE
from tests.support.waiting import until

SERVED = {
    "DJANGO_SECRET_KEY": "only-for-tests-" + "".join(map(chr, range(48, 91))),
    "DJANGO_ALLOWED_HOSTS": "127.0.0.1",
    "DJANGO_SSL_REDIRECT": "0",
    # Every customer of a test has the same address.
    "LOOKUP_LIMIT_FAILURES": "1000000",
}


class WebServer:
    """gunicorn with 2 workers on a free port; its logs are files in `directory`."""

    def __init__(
        self,
        directory: Path,
        database_url: str,
        env: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
    ) -> None:
        self._requests, self._events = directory / "requests.log", directory / "events.log"
        command = ["-m", "gunicorn", "--config", "python:tickets.config.gunicorn"]
        # A transaction of the test may outlast gunicorn's default of 30 s.
        always = ["--workers", "2", "--bind", "127.0.0.1:0", "--timeout", "120"]
        with self._requests.open("w") as requests, self._events.open("w") as events:
            variables = environment(database_url, env)
            words = [*command, *always, *options]
            self._process = OF_THE_SITE.others.start_session(words, variables, requests, events)
        self.port = self._find_port()

    @property
    def pid(self) -> int:
        """That of gunicorn's master process."""
        return self._process.pid

    def logs(self) -> str:
        return self._requests.read_text() + self._events.read_text()

    def request(
        self,
        method: str,
        path: str,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, str]:
        """Return the status and the text of the answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def send(self, line: str) -> None:
        """Send one line as it is, and wait until the server hangs up."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(f"{line}\r\n\r\n".encode())
            while connection.recv(4096):
                pass

    def stop(self) -> int:
        """Let the workers finish what they are at, and return the exit code."""
        self._process.terminate()  # does nothing when it has ended
        return self._process.wait(timeout=60)

    def _find_port(self) -> int:
        listening = re.compile(r"Listening at: http://127\.0\.0\.1:(\d+)")
        until(lambda: listening.search(self.logs()) or self._process.poll() is not None)
        found = listening.search(self.logs())
        assert found, self.logs()
        return int(found[1])


def environment(database_url: str, env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables of a deployed process that uses this database."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "GUN"))
    }
    return {**inherited, **SERVED, "DATABASE_URL": database_url, **(env or {})}
