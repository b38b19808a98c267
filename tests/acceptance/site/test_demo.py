"""The demo keeps its own promises, and leaves everything else alone."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from subprocess import CompletedProcess, Popen
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

import pytest

from tests.support.manage import PROJECT
from tests.support.waiting import until

# Headings, commands and proofs: the README shows some of them, with other figures.
PLAYED = re.compile(r"=== \d\. |\$ manage\.py |.+ ok$")
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join([str(PROJECT / "scripts"), str(PROJECT)]),
    # Unusable: the demo must not touch the user's database.
    "DATABASE_URL": "postgres://user@host.invalid/theirs",
}


def shape(line: str) -> str:
    return " ".join(re.sub(r"\d[\d,]*", "N", line).split())


@pytest.fixture
def killed_very_early() -> Iterator[Path]:
    """What a demo leaves that is killed before it has a server."""
    (PROJECT / "var").mkdir(exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="demo-", dir=PROJECT / "var"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


def demo(*args: str) -> CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "demonstration", *args],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_the_demo_kills_a_rotation_resumes_it_and_proves_the_result(
    killed_very_early: Path,
) -> None:
    result = demo("2000")
    assert not killed_very_early.exists()
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    proven = {" ".join(line.split()) for line in result.stdout.splitlines()}
    assert proven >= {
        "leaked tokens still valid: 0 ok",
        "tokens unique: 2,000 ok",
        "rows rotated before the kill and again after it: 0 ok",
    }
    assert "WRONG" not in result.stdout
    shown = [
        line for line in (PROJECT / "README.md").read_text().splitlines() if PLAYED.match(line)
    ]
    assert shown
    assert {shape(line) for line in shown} <= {shape(line) for line in result.stdout.splitlines()}
    killed = next(line for line in result.stdout.splitlines() if line.startswith("Killed with"))
    assert 1000 <= int(killed.split()[2].replace(",", "")) < 2000


@pytest.mark.parametrize("size", ["0", "-5", "99", "many"])
def test_the_demo_refuses_a_size_it_cannot_play(size: str) -> None:
    result = demo("--", size)
    assert result.returncode == 2
    assert "is not a number of at least 100" in result.stderr
    assert "Traceback" not in result.stderr


class Visitor:
    """Somebody with a browser: follows redirects and keeps cookies as a browser does."""

    def __init__(self) -> None:
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))

    def read(self, url: str, form: dict[str, str] | None = None) -> tuple[str, str]:
        """The address at which the request ended, and the text there."""
        data = None if form is None else urlencode(form).encode()
        with self._opener.open(Request(url, data), timeout=60) as answer:
            return answer.geturl(), answer.read().decode()

    def log_in(self, url: str, user: str, password: str) -> tuple[str, str]:
        log_in, page = self.read(url)
        assert "/admin/login/" in log_in
        (token,) = re.findall('name="csrfmiddlewaretoken" value="([^"]+)"', page)
        form = {"username": user, "password": password, "csrfmiddlewaretoken": token}
        return self.read(log_in, form)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def start() -> Iterator[Callable[..., Popen[str]]]:
    """start(program, argument, ...) starts a program in /, which is ended with the test."""
    started: list[Popen[str]] = []

    def start_program(*command: str) -> Popen[str]:
        process = Popen(
            command,
            cwd="/",
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start_program
    for process in reversed(started):
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def test_the_page_is_reached_with_what_the_demo_prints_and_ctrl_c_ends_all_of_it(
    start: Callable[..., Popen[str]],
) -> None:
    port = str(free_port())
    process = start(sys.executable, "-m", "demonstration", "--page", "1000", "--port", port)
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if line.startswith("Ctrl-C"):
            break
    page, user, password = re.findall(r"(?:Open this page|Log in as|Password): +(\S+)", said)
    (command,) = re.findall(r"^  (env .+)$", said, re.MULTILINE)
    (directory,) = re.findall(r"TICKETS_VAR_DIR=(\S+)", command)

    visitor = Visitor()
    address, text = visitor.log_in(page, user, password)
    assert address == page
    assert "Rows are pending" in text
    assert visitor.read(page.removesuffix("rotation/"))[1].count("<li>") == 3

    rotation = start("sh", "-c", f"exec {command}")
    until(lambda: "Stop operation" in visitor.read(page)[1])

    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    output, _ = rotation.communicate(timeout=60)
    assert (process.returncode, rotation.returncode) == (0, 3), rest + output
    assert "Traceback" not in rest + output
    assert "Stopped" in output
    assert not Path(directory).exists()
    with pytest.raises(URLError):
        visitor.read(page)


def test_a_port_in_use_is_named_with_another_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = demo("--page", "--port", str(port))
    assert result.returncode == 1
    assert f"port {port} cannot be used: Address already in use." in result.stderr
    assert f"scripts/demo --page --port {port + 1}" in result.stderr
    assert "===" not in result.stdout
