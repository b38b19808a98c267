"""What an operator sees on a real terminal."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.leaked import leak
from tests.support.manage import PROJECT


def on_a_terminal(database_url: str, *, rows: int, columns: int) -> str:
    """Everything that rotate_tokens wrote to a terminal of that size."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "manage.py", "rotate_tokens", "--batch-rows", "500"],
        cwd=PROJECT,
        env={**os.environ, "DATABASE_URL": database_url},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:  # the other side is closed
        pass
    finally:
        os.close(ours)
    assert process.wait(timeout=60) == 0
    return shown.decode()


@pytest.fixture
def leaked(database_url: str, connect: Callable[[str], Any]) -> str:
    leak(connect(database_url), 20_000)
    return database_url


def test_a_terminal_gets_a_bar_with_total_rate_and_remaining_time(leaked: str) -> None:
    shown = on_a_terminal(leaked, rows=40, columns=130)
    assert "rotating" in shown
    assert "/20,000, " in shown
    assert "rows/s" in shown
    assert " left" in shown
    assert "Nothing is pending." in shown


def test_a_terminal_without_a_size_gets_lines(leaked: str) -> None:
    shown = on_a_terminal(leaked, rows=0, columns=0)
    assert "rotated 500 of 20,000 (2.50 %)" in shown
