"""A proxy before a PostgreSQL server that can swallow what passes, while its kernel answers."""

import socket
import threading
from contextlib import suppress
from urllib.parse import parse_qs, quote, urlencode, urlsplit


class SwallowingProxy:
    """Listens on 127.0.0.1; ``url`` leads through it to the database of ``database_url``."""

    def __init__(self, database_url: str) -> None:
        parts = urlsplit(database_url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        host = query.pop("host", parts.hostname or "127.0.0.1")
        port = query.pop("port", str(parts.port or 5432))
        self._server = f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._copying: list[threading.Thread] = []
        self._swallowed: set[socket.socket] = set()
        self._swallows_new = False
        account = f"{parts.username}:{parts.password}" if parts.password else parts.username
        here = f"{account}@127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = f"postgresql://{here}{parts.path}?{urlencode(query, quote_via=quote)}"
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def swallow(self, *, new_ones: bool) -> None:
        """Pass nothing more on open connections; with ``new_ones``, nor on later ones."""
        self._swallows_new = new_ones
        self._swallowed.update(self._sockets)

    def pass_on(self) -> None:
        """Serve later connections."""
        self._swallows_new = False

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # accept() ends
        self._accepting.join()
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._copying:
            thread.join()
        for each in (self._listener, *self._sockets):
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                unix = isinstance(self._server, str)
                server = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
                self._sockets += [client, server]
                if self._swallows_new:
                    self._swallowed.update((client, server))
                server.connect(self._server)
                for ends in ((client, server), (server, client)):
                    thread = threading.Thread(target=self._copy, args=ends, daemon=True)
                    self._copying.append(thread)
                    thread.start()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if source not in self._swallowed:
                    sink.sendall(data)
            if source not in self._swallowed:
                sink.shutdown(socket.SHUT_WR)
