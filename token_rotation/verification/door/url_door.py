"""A door that is a URL of the running application."""

from __future__ import annotations

from collections.abc import Sequence
from http.client import HTTPException
from urllib.parse import quote, urlsplit
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, Request

from token_rotation.errors import DoorError
from token_rotation.verification.door.answer import Answer, Reply, reply_of_status

TOKEN = "{token}"
USER_AGENT = "verify_tokens"


class UrlDoor:
    """GET requests to a URL with the token in it, or in a header.

    It follows no redirect, uses no proxy, sends no cookie, and reads no body. No error quotes a
    request.
    """

    def __init__(
        self,
        template: str,
        headers: Sequence[str],
        *,
        refused: frozenset[int],
        timeout_seconds: float,
    ) -> None:
        """Raises DoorError for a template that cannot be asked."""
        self._template = template
        self._headers = [_header(text) for text in headers]
        self._refused = refused
        self._timeout_seconds = timeout_seconds
        self._check()
        # Not build_opener(): its handlers follow redirects and use proxies, which log requests.
        self._opener = OpenerDirector()
        self._opener.add_handler(HTTPHandler())
        self._opener.add_handler(HTTPSHandler())

    def _check(self) -> None:
        try:
            parts = urlsplit(self._template)
            has_host = bool(parts.hostname)
            _ = parts.port
        except ValueError:
            has_host = False
        if not has_host or parts.scheme not in ("http", "https"):
            raise DoorError("--through is no http or https URL and no dotted path of a callable")
        if TOKEN in parts.netloc or "@" in parts.netloc:
            raise DoorError("--through has {token} or a password in the host's place")
        if not any(TOKEN in text for text in (self._template, *(v for _, v in self._headers))):
            raise DoorError("neither --through nor a --header has {token} in it")

    def ask(self, token: str) -> Reply:
        """Send one request, and return what the answer means."""
        url = self._template.replace(TOKEN, quote(token, safe=""))
        try:
            request = Request(url, headers={"User-Agent": USER_AGENT})  # noqa: S310  (checked)
            for name, value in self._headers:
                request.add_header(name, value.replace(TOKEN, token))
            answer = self._opener.open(request, timeout=self._timeout_seconds)
            with answer:
                return reply_of_status(int(answer.status), self._refused)
        # The error of a request may quote it.
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None)
            cause = reason if isinstance(reason, Exception) else error
            return Reply(Answer.UNKNOWN, type(cause).__name__)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or "\n" in text or "\r" in text:
        raise DoorError("a --header is not of the form 'Name: value'")
    return name.strip(), value.strip()
