"""A report whose query takes long reaches its reader whole, or visibly broken."""

import csv
import io
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest

from tests.projects.long_reports.settings import (
    REPORT_KEEP_ALIVE_SECONDS,
    REPORT_STALLED_CLIENT_SECONDS,
)
from tests.projects.long_reports.views import HOLD, SECRET, WIDE
from tests.support.databases import DatabaseFactory
from tests.support.download import Download
from tests.support.leaked import value
from tests.support.waiting import until
from tests.support.web_server import WebServer

SETTINGS = {"DJANGO_SETTINGS_MODULE": "tests.projects.long_reports.settings"}
WORKERS = {
    "sync": ("--worker-class", "sync"),
    "threads": ("--worker-class", "gthread", "--workers", "1", "--threads", "4"),
}
WORKER_TIMEOUT_SECONDS = 2
GONE_SECONDS = 5
FOR_EVER = "rows=1&seconds=300"
SESSIONS = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE application_name = 'report under test' AND datname = current_database()"
)
AT_WORK = f"{SESSIONS} AND state = 'active'"
WAITING = f"{SESSIONS} AND state = 'idle in transaction'"
MORE_MEMORY_BYTES = 40e6

Serve = Callable[..., WebServer]


@pytest.fixture(scope="module")
def reports_url(database_factory: DatabaseFactory) -> Iterator[str]:
    url = database_factory.create("zero")
    yield url
    database_factory.drop(url)


@pytest.fixture
def onlooker(reports_url: str, connect: Callable[[str], Any]) -> Any:
    return connect(reports_url)


@pytest.fixture(scope="module", params=WORKERS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, reports_url: str
) -> Iterator[WebServer]:
    """gunicorn with workers of each kind, whose timeout is shorter than a report takes."""
    directory = tmp_path_factory.mktemp(request.param)
    options = (*WORKERS[request.param], "--timeout", str(WORKER_TIMEOUT_SECONDS))
    server = WebServer(directory, reports_url, SETTINGS, options)
    yield server
    assert server.stop() == 0
    assert "WORKER TIMEOUT" not in server.logs()


@pytest.fixture(scope="module")
def threaded(tmp_path_factory: pytest.TempPathFactory, reports_url: str) -> Iterator[WebServer]:
    """For what does not depend on the kind of worker."""
    directory = tmp_path_factory.mktemp("threaded")
    server = WebServer(directory, reports_url, SETTINGS, WORKERS["threads"])
    yield server
    assert server.stop() == 0


@pytest.fixture
def serve(tmp_path: Path, reports_url: str) -> Iterator[Serve]:
    """serve(kind, database_url=..., options=...) starts a server for one test."""
    started: list[WebServer] = []

    def start(
        kind: str, database_url: str = reports_url, options: tuple[str, ...] = ()
    ) -> WebServer:
        options = (*WORKERS[kind], *options)
        started.append(WebServer(tmp_path, database_url, SETTINGS, options))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def leaves_no_session(onlooker: Any) -> Iterator[None]:
    yield
    until(lambda: value(onlooker, SESSIONS) == 0, timeout_seconds=GONE_SECONDS)


pytestmark = pytest.mark.usefixtures("leaves_no_session")


def test_bytes_flow_before_the_first_row_and_the_file_is_as_if_it_had_come_at_once(
    server: WebServer, onlooker: Any
) -> None:
    """For longer than a sync worker may be silent; gunicorn looks once a second."""
    value(onlooker, f"SELECT pg_advisory_lock({HOLD})")
    held = Download(server.port, "/held.csv?rows=3000")
    while held.seconds < 2 * WORKER_TIMEOUT_SECONDS:
        assert held.read_some()
    assert value(onlooker, AT_WORK) == 1  # and has not answered yet
    assert held.usual_silence_seconds < WORKER_TIMEOUT_SECONDS / 2
    value(onlooker, f"SELECT pg_advisory_unlock({HOLD})")
    text = held.read_all()
    assert not held.broke_off
    assert text == Download(server.port, "/held.csv?rows=3000").read_all()
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        list(WIDE),
        *([str(n), f"text {n}", "", ""] for n in range(1, 3001)),
    ]


def test_blank_lines_of_a_longer_wait_lie_between_records_and_readers_pass_over_them(
    threaded: WebServer,
) -> None:
    seconds = 7 * REPORT_KEEP_ALIVE_SECONDS
    text = Download(threaded.port, f"/narrow.csv?rows=1000&seconds={seconds}").read_all()
    assert "n\r\n\r\n" in text
    rows = [int(row["n"]) for row in csv.DictReader(io.StringIO(text, newline=""))]
    assert rows == list(range(1, 1001))
    frame = pd.read_csv(io.StringIO(text))
    assert list(frame.columns) == ["n"]
    assert frame["n"].tolist() == rows
    assert frame["n"].dtype.kind == "i"


def test_a_client_that_goes_before_the_first_row_takes_its_query_with_it(
    server: WebServer, onlooker: Any
) -> None:
    gone = Download(server.port, f"/slow.csv?{FOR_EVER}")
    until(lambda: value(onlooker, AT_WORK) == 1)
    gone.close()
    until(lambda: value(onlooker, SESSIONS) == 0, timeout_seconds=GONE_SECONDS)


def test_a_query_that_fails_half_way_says_so_in_the_last_line_and_breaks_the_connection_off(
    server: WebServer,
) -> None:
    broken = Download(server.port, "/failing.csv?rows=20000")
    *rows, last = csv.reader(io.StringIO(broken.read_all(), newline=""))
    assert broken.status == 200
    assert broken.broke_off
    assert 1000 < len(rows) < 20_000
    assert rows[1:] == [[str(n)] for n in range(1, len(rows))]
    assert last == [
        (
            "INCOMPLETE, do not use this file: the database refused its query "
            "(InvalidTextRepresentation, 22P02)"
        )
    ]
    until(lambda: "A report ended early" in server.logs())
    assert SECRET not in server.logs()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_tells_a_broken_report_by_its_exit_code(server: WebServer) -> None:
    transfer_closed_with_outstanding_data = 18
    url = f"http://127.0.0.1:{server.port}"
    for path, code in (
        ("/failing.csv?rows=20000", transfer_closed_with_outstanding_data),
        ("/long.csv?rows=20000", 0),
    ):
        curl = ["curl", "--silent", "--output", os.devnull, f"{url}{path}"]
        assert subprocess.run(curl, check=False, timeout=60).returncode == code


def test_a_query_that_fails_at_once_is_no_download(threaded: WebServer) -> None:
    refused = Download(threaded.port, "/failing.csv?rows=1")
    assert refused.read_all().startswith("There is no report: the database refused its query")
    assert refused.status == 500


def test_a_million_rows_need_no_more_memory_than_a_few(threaded: WebServer) -> None:
    Download(threaded.port, "/long.csv?rows=1000").read_all()
    before = largest_worker_bytes(threaded)
    long = Download(threaded.port, "/long.csv?rows=1000000")
    largest, lines = 0, 0
    while long.read_some():
        lines += long.pieces[-1].count(b"\n")
        if len(long.pieces) == 100:
            long.pieces.clear()
            largest = max(largest, largest_worker_bytes(threaded))
    long.close()
    assert lines == 1_000_001
    assert not long.broke_off
    assert 0 < largest < before + MORE_MEMORY_BYTES


def test_a_client_that_takes_nothing_holds_neither_memory_nor_for_long_a_session(
    threaded: WebServer, onlooker: Any
) -> None:
    Download(threaded.port, "/long.csv?rows=1000").read_all()
    before = largest_worker_bytes(threaded)
    stalled = Download(threaded.port, "/long.csv?rows=1000000")
    until(lambda: value(onlooker, WAITING) == 1)
    assert largest_worker_bytes(threaded) < before + MORE_MEMORY_BYTES
    patience = REPORT_STALLED_CLIENT_SECONDS + GONE_SECONDS
    until(lambda: value(onlooker, SESSIONS) == 0, timeout_seconds=patience)
    last = stalled.read_all().splitlines()[-1]
    assert stalled.broke_off
    assert "its reader took nothing for 2 s" in last


def test_as_many_reports_as_are_allowed_are_made_at_a_time(
    threaded: WebServer, onlooker: Any
) -> None:
    two = [Download(threaded.port, f"/slow.csv?{FOR_EVER}") for _ in range(2)]
    third = Download(threaded.port, f"/slow.csv?{FOR_EVER}")
    assert third.status == 503
    assert int(third.response.headers["Retry-After"]) > 0
    assert "other reports are being made" in third.read_all()
    two[0].close()
    until(lambda: value(onlooker, SESSIONS) == 1, timeout_seconds=GONE_SECONDS)
    assert Download(threaded.port, "/long.csv?rows=1").read_all().count("\n") == 2
    two[1].close()


@pytest.mark.parametrize("kind", WORKERS)
def test_a_server_that_is_stopped_ends_its_reports_and_they_say_so(
    kind: str, serve: Serve, onlooker: Any
) -> None:
    server = serve(kind)
    slow = Download(server.port, f"/slow.csv?{FOR_EVER}")
    until(lambda: value(onlooker, AT_WORK) == 1)
    os.kill(server.pid, signal.SIGTERM)
    last = slow.read_all().splitlines()[-1]
    assert slow.broke_off
    assert "INCOMPLETE, do not use this file: the server is being restarted" in last
    assert server.stop() == 0


def test_a_worker_that_is_renewed_after_its_last_request_finishes_it(serve: Serve) -> None:
    server = serve("sync", options=("--max-requests", "1"))
    slow = Download(server.port, f"/slow.csv?rows=10&seconds={6 * REPORT_KEEP_ALIVE_SECONDS}")
    assert slow.read_all().count("\n") == 11
    assert not slow.broke_off


def test_the_query_of_a_killed_worker_is_ended_by_the_database(serve: Serve, onlooker: Any) -> None:
    server = serve("sync")
    slow = Download(server.port, f"/slow.csv?{FOR_EVER}")
    until(lambda: value(onlooker, AT_WORK) == 1)
    for worker in psutil.Process(server.pid).children():
        worker.kill()
    until(lambda: value(onlooker, SESSIONS) == 0, timeout_seconds=GONE_SECONDS)
    slow.read_all()
    assert slow.broke_off


def test_a_database_that_is_out_of_reach_is_no_download(serve: Serve) -> None:
    server = serve("sync", "postgresql://nobody@127.0.0.1:1/nothing")
    refused = Download(server.port, "/long.csv?rows=1")
    assert (refused.status, refused.response.headers["Retry-After"]) == (503, "10")
    assert refused.read_all() == "There is no report: the database cannot be reached.\n"


def test_the_header_asks_everyone_on_the_way_to_pass_the_bytes_on(threaded: WebServer) -> None:
    for method in ("GET", "HEAD"):
        answer = Download(threaded.port, "/long.csv?rows=1", method=method)
        headers = answer.response.headers
        assert answer.status == 200
        assert headers["Content-Type"] == "text/csv; charset=utf-8"
        assert headers["Content-Disposition"].startswith("attachment; filename")
        assert headers["X-Accel-Buffering"] == "no"
        assert headers["Cache-Control"] == "private, no-store, no-transform"
        assert headers["Content-Encoding"] == "identity"
        assert bool(answer.read_all()) == (method == "GET")


def test_http_1_0_is_refused_because_it_cannot_tell_a_broken_file(threaded: WebServer) -> None:
    with socket.create_connection(("127.0.0.1", threaded.port), timeout=60) as connection:
        connection.sendall(b"GET /long.csv?rows=1 HTTP/1.0\r\n\r\n")
        answer = connection.makefile().read()
    assert " 505 " in answer.splitlines()[0]
    assert "proxy_http_version 1.1" in answer


def largest_worker_bytes(server: WebServer) -> int:
    return max(worker.memory_info().rss for worker in psutil.Process(server.pid).children())
