"""Served by gunicorn with two workers, as it is deployed."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from tests.support.leaked import leak, value
from tests.support.waiting import until
from tests.support.web_server import WebServer

METRICS_TOKEN = "only-for-tests"


@pytest.fixture
def server(tmp_path: Path, database_url: str) -> Iterator[WebServer]:
    server = WebServer(
        tmp_path,
        database_url,
        {"LOOKUP_LIMIT_FAILURES": "20", "METRICS_TOKEN": METRICS_TOKEN},
    )
    yield server
    server.stop()


def test_workers_count_failures_together_and_one_line_names_the_client(
    server: WebServer, database_url: str, connect: Callable[[str], Any]
) -> None:
    tickets = connect(database_url)
    leak(tickets, 1)
    token = value(tickets, "SELECT token::text FROM tickets_ticket")
    wrong = [str(uuid4()) for _ in range(60)]

    def look_up(token: str) -> int:
        headers = {"X-Forwarded-For": "198.51.100.1"}
        return server.request("GET", f"/t/{token}/", headers=headers)[0]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(look_up, wrong))

    assert sorted(answers) == [404] * 20 + [429] * 40
    assert look_up(token) == 429
    assert server.stop() == 0
    assert "Look-ups by link from 127.0.0.1 are refused for " in server.logs()
    assert not [secret for secret in (token, *wrong) if secret in server.logs()]


def test_probes_and_static_files_are_served_whatever_the_host_is_called(
    server: WebServer, database_url: str, connect: Callable[[str], Any], server_url: str
) -> None:
    tickets = connect(database_url)
    headers = {"Host": "10.1.2.3:8000"}
    bearer = {**headers, "Authorization": f"Bearer {METRICS_TOKEN}"}

    assert server.request("GET", "/static/admin/css/base.css")[0] == 200
    assert server.request("GET", "/healthz", headers=headers) == (200, '{"status": "ok"}')
    assert server.request("GET", "/readyz", headers=headers) == (200, '{"status": "ready"}')
    assert server.request("GET", "/metrics", headers=bearer)[0] == 200

    tickets.close()
    with connect(server_url).cursor() as cursor:
        name = urlsplit(database_url).path.lstrip("/")
        cursor.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )

    def not_ready() -> bool:
        status, text = server.request("GET", "/readyz", headers=headers)
        return status == 503 and json.loads(text)["failing"] == ["database"]

    until(not_ready)
    assert server.request("GET", "/healthz", headers=headers)[0] == 200
    status, text = server.request("GET", "/metrics", headers=bearer)
    assert (status, text) == (503, "The database cannot be read.\n")
    assert server.request("GET", f"/t/{uuid4()}/")[0] == 500
