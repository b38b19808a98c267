"""The second signal ends a command in time, whatever its main thread waits for."""

import signal
import socket
import sys
from collections.abc import Iterator

import pytest

from tests.support.manage import Manage

# libpq waits for the server's answer by itself; Python calls no handler meanwhile.
IN_THE_DRIVER = """
import sys, psycopg2
from token_rotation.command_line import StopSignal, stop_on_signal
stop = StopSignal()
with stop_on_signal(stop):
    print("waits", flush=True)
    psycopg2.connect(host="127.0.0.1", port=sys.argv[1], user="u", dbname="d", sslmode="disable")
"""

IN_TIME = """
import time
from token_rotation.command_line import StopSignal, stop_on_signal
stop = StopSignal()
with stop_on_signal(stop):
    print("waits", flush=True)
    while not stop.aborted:
        time.sleep(0.01)
time.sleep({later})
print("ended by itself", flush=True)
"""

LATER_SECONDS = 6.0
"""More than the second signal allows."""


@pytest.fixture
def silent_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_main_thread_that_waits_in_the_driver_is_ended(manage: Manage, silent_port: int) -> None:
    words = (sys.executable, "-c", IN_THE_DRIVER, str(silent_port))
    process = manage.start_program(*words, database_url=None)
    assert process.stdout is not None
    assert process.stdout.readline() == "waits\n"
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)  # the kernel would make one of two equal ones
    _, stderr = process.communicate(timeout=30)
    ended_by = {signal.SIGINT, signal.SIGTERM}
    assert process.returncode in {128 + each for each in ended_by} | {-each for each in ended_by}
    assert "it is not known whether it was carried out" in stderr
    assert "Traceback" not in stderr


def test_an_end_in_time_is_left_alone(manage: Manage) -> None:
    program = IN_TIME.format(later=LATER_SECONDS)
    process = manage.start_program(sys.executable, "-c", program, database_url=None)
    assert process.stdout is not None
    assert process.stdout.readline() == "waits\n"
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    assert stdout == "ended by itself\n"
