"""A mail server of the demo's own: it takes every mail, counts it, and keeps nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Lock, Thread


class MailServer(ThreadingTCPServer):
    """Listens on a free port of this machine."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.mails = 0
        self._lock = Lock()

    def took(self) -> None:
        with self._lock:
            self.mails += 1

    @property
    def env(self) -> dict[str, str]:
        """The variables that lead the site's mails here."""
        return {
            "SITE_URL": "https://tickets.example",
            "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": str(self.server_address[1]),
        }


class Conversation(StreamRequestHandler):
    """One connection, in SMTP."""

    server: MailServer

    def handle(self) -> None:
        self._say("220 demo")
        for line in self.rfile:
            verb = line[:4].upper().strip()
            if verb == b"DATA":
                self._say("354 go on")
                while self.rfile.readline() not in {b".\r\n", b""}:
                    pass
                self.server.took()
            self._say("221 bye" if verb == b"QUIT" else "250 ok")
            if verb == b"QUIT":
                return

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
