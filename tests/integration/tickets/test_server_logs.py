"""What gunicorn and the application write holds no token, whatever went wrong."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.support.leaked import leak, value
from tests.support.web_server import WebServer


@pytest.fixture
def server(tmp_path: Path, database_url: str) -> Iterator[WebServer]:
    server = WebServer(tmp_path, database_url)
    yield server
    server.stop()


def test_the_logs_of_good_bad_and_failed_requests_hold_no_token(
    server: WebServer, database_url: str, connect: Callable[[str], Any]
) -> None:
    tickets = connect(database_url)
    leak(tickets, 1)
    token, unknown = value(tickets, "SELECT token::text FROM tickets_ticket"), str(uuid4())
    link = f"/t/{token}/"
    as_json = {"Content-Type": "application/json"}
    referer = {"Referer": f"http://127.0.0.1{link}"}

    assert server.request("GET", link, headers=referer)[0] == 200
    assert server.request("POST", link, json.dumps({"status": "closed"}), as_json)[0] == 302
    assert server.request("POST", link, json.dumps({"status": "lost"}), as_json)[0] == 400
    assert server.request("POST", link, "status=open", referer)[0] == 403
    assert server.request("PUT", link, "{}", as_json)[0] == 405
    for wrong in (unknown, token.upper() + "x", token[:-1], token.replace("-", "%2D") + "."):
        assert server.request("GET", f"/t/{wrong}/")[0] == 404
    assert server.request("GET", f"/tickets/?from={link}")[0] == 302
    assert server.request("GET", f"/{token}/")[0] == 404
    server.send(f"GET {link}")
    server.send(f"GET {link} HTTP/9.9")
    with tickets.cursor() as cursor:
        # The database's error quotes the statement, and the statement holds the token.
        cursor.execute("ALTER TABLE tickets_ticket RENAME COLUMN token TO hidden")
    assert server.request("GET", link)[0] == 500
    assert server.stop() == 0

    logs = server.logs()
    for status in (200, 302, 400, 403, 405, 404, 500):
        assert re.search(rf'/t/\[token\]/? HTTP/1\.1" {status} ', logs), status
    assert "WARNING Not Found: /t/[token]/" in logs
    assert "ERROR Internal Server Error: /t/[token]/" in logs
    assert "Traceback" in logs
    assert "Invalid request" in logs
    for secret in (token, unknown):
        for part in secret.split("-"):
            assert part not in logs.lower()
