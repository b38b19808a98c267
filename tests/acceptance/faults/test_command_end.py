"""How a command ends that is interrupted, or whose output nobody reads any more."""

import os
import signal
import subprocess
import sys

import pytest

from tests.support.manage import PROJECT, Manage

WAIT = "import signal; print('waiting', flush=True); signal.pause()"
WRITE = "for number in range(100_000): print(number)"


def test_ctrl_c_is_one_line(manage: Manage) -> None:
    process = manage.start("shell", "--no-imports", "-c", WAIT, database_url=None)
    assert process.stdout is not None
    while process.stdout.readline() != "waiting\n":
        pass
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr == "manage.py: interrupted\n"


@pytest.mark.parametrize("command", [["help"], ["shell", "--no-imports", "-c", WRITE]])
@pytest.mark.parametrize("stderr_too", [False, True])
def test_closed_output_ends_a_command_silently(
    command: list[str],
    stderr_too: bool,  # noqa: FBT001
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.Popen(
        [sys.executable, str(PROJECT / "manage.py"), *command],
        stdin=subprocess.DEVNULL,
        stdout=writer,
        stderr=writer if stderr_too else subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 141
    assert not stderr
