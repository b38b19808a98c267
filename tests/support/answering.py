"""An HTTP server in a thread, whose answers a test chooses."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class Answering:
    """Answers with ``status``; ``asked`` are the paths that were asked for."""

    def __init__(self) -> None:
        self.status = 200
        self.asked: list[str] = []
        answering = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answering.asked.append(self.path)
                self.send_response(answering.status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.host}/is-calm?key=not-for-messages"
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def answering() -> Iterator[Answering]:
    """It is gone after the block, and refuses connections after ``stop``."""
    server = Answering()
    try:
        yield server
    finally:
        server.stop()
