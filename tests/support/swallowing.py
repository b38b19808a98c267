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
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._swallowed: set[socket.socket] = set()
        self._swallows_new = False
        account = f"{parts.username}:{parts.password}" if parts.password else parts.username
        here = f"{account}@127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = f"postgresql://{here}{parts.path}?{urlencode(query, quote_via=quote)}"
        threading.Thread(target=self._accept, daemon=True).start()

    def swallow(self, *, new_ones: bool) -> None:
        """Pass nothing more on open connections; with ``new_ones``, nor on later ones."""
        self._swallows_new = new_ones
        for pair in list(self._pairs):
            self._swallowed.update(pair)

    def pass_on(self) -> None:
        """Serve later connections."""
        self._swallows_new = False

    def close(self) -> None:
        self._listener.close()
        for pair in self._pairs:
            for each in pair:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                unix = isinstance(self._server, str)
                server = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
                server.connect(self._server)
                self._pairs.append((client, server))
                if self._swallows_new:
                    self._swallowed.update((client, server))
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if source not in self._swallowed:
                    sink.sendall(data)
            if source not in self._swallowed:
                sink.shutdown(socket.SHUT_WR)
