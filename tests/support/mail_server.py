"""An SMTP server, in a process of its own: ``python mail_server.py PORT DIRECTORY``.

It appends each mail that it takes to ``mails.jsonl``, before it answers. Port 0: any; the file
``port`` says which. Addresses that begin with "never" are refused for good, with "later" for now.
"""

import asyncio
import json
import sys
from email import message_from_bytes
from pathlib import Path
from subprocess import Popen
from typing import IO

from tests.support.waiting import until

NEVER, LATER = "550 5.1.1 no such mailbox", "450 4.2.0 try again"


class MailServer:
    """Starts, stops and reads one; it has the same port after each start."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: Popen[bytes] | None = None
        self.port = 0

    def start(self) -> None:
        file = self._directory / "port"
        file.unlink(missing_ok=True)
        words = [sys.executable, "-m", "tests.support.mail_server", str(self.port)]
        self._process = Popen([*words, str(self._directory)])
        self.port = int(until(lambda: file.exists() and file.read_text()))

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def text(self) -> str:
        """All whole lines so far."""
        file = self._directory / "mails.jsonl"
        return file.read_text().rpartition("\n")[0] if file.exists() else ""

    @property
    def count(self) -> int:
        return len(self.text.splitlines())

    @property
    def mails(self) -> list[dict[str, str]]:
        return [json.loads(line) for line in self.text.splitlines()]


async def _serve(port: int, directory: Path) -> None:
    with (directory / "mails.jsonl").open("a") as file:

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await _talk(reader, writer, file)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", port)
        (directory / "port.new").write_text(str(server.sockets[0].getsockname()[1]))
        (directory / "port.new").rename(directory / "port")
        await server.serve_forever()


async def _talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, file: IO[str]) -> None:
    recipient = ""
    writer.write(b"220 mail\r\n")
    while line := (await reader.readline()).decode():
        verb, answer = line[:4].upper().strip(), "250 ok"
        if verb == "RCPT":
            recipient = line.partition("<")[2].partition(">")[0]
            answer = {"never": NEVER, "later": LATER}.get(recipient[:5], answer)
        elif verb == "DATA":
            writer.write(b"354 go on\r\n")
            _take(await reader.readuntil(b"\r\n.\r\n"), recipient, file)
        elif verb == "QUIT":
            writer.write(b"221 bye\r\n")
            return
        writer.write(f"{answer}\r\n".encode())


def _take(data: bytes, recipient: str, file: IO[str]) -> None:
    mail = message_from_bytes(data)
    body = mail.get_payload(decode=True)
    assert isinstance(body, bytes)
    taken = {"to": recipient, "key": mail["X-Idempotency-Key"], "body": body.decode()}
    file.write(json.dumps({**taken, "headers": str(mail.items())}) + "\n")
    file.flush()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), Path(sys.argv[2])))
