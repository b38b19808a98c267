"""One HTTP request a connection, as sync workers serve them."""

import json
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage
from typing import Any
from urllib.parse import urlencode

TIMEOUT_SECONDS = 30


def request(
    port: int, method: str, path: str, body: str | None, headers: dict[str, str]
) -> tuple[int, HTTPMessage, str]:
    """Return status, headers and text. Raises OSError and HTTPException."""
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()
    finally:
        connection.close()


@dataclass(frozen=True)
class Login:
    """A staff member's session, good on every server that has the same key and database."""

    headers: dict[str, str]

    @classmethod
    def make(cls, port: int, username: str, password: str) -> "Login":
        _, before, _ = request(port, "GET", "/admin/login/", None, {})
        csrf = _cookie(before, "csrftoken")
        form = {"username": username, "password": password, "csrfmiddlewaretoken": csrf}
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        status, after, _ = request(
            *(port, "POST", "/admin/login/?next=/", urlencode(form)),
            {**kind, "Cookie": f"csrftoken={csrf}"},
        )
        if status != 302:
            raise RuntimeError(f"the login was answered with {status}")
        csrf = _cookie(after, "csrftoken")
        cookies = f"csrftoken={csrf}; sessionid={_cookie(after, 'sessionid')}"
        return cls({"Cookie": cookies, "X-CSRFToken": csrf})


def exchange_json(
    port: int, method: str, path: str, fields: Any, headers: dict[str, str]
) -> tuple[int, dict[str, Any]]:
    """Return the status and, when it is 200 or 201, the JSON that was answered."""
    body = None if fields is None else json.dumps(fields)
    kind = {"Accept": "application/json", "Content-Type": "application/json"}
    status, _, text = request(port, method, path, body, {**kind, **headers})
    return status, json.loads(text) if status in (200, 201) else {}


def _cookie(headers: HTTPMessage, name: str) -> str:
    for cookie in headers.get_all("Set-Cookie", []):
        if cookie.startswith(f"{name}="):
            return cookie.partition("=")[2].partition(";")[0]
    raise RuntimeError(f"no cookie {name} was set")
