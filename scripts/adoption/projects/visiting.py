"""Somebody who uses a package through its views, and keeps a note of each."""

from __future__ import annotations

from typing import Any, Protocol

from django.contrib.auth.models import User
from django.test import Client

PASSWORD = "correct horse battery staple"


class Visitor(Protocol):
    """What each case can do with its package."""

    def issue(self, owner: str) -> str:
        """Let the package issue a token for a new owner, and return what the owner gets."""

    def accepts(self, token: str) -> bool:
        """Show the token to the package. This may use it up."""

    def stored(self, owner: str) -> str:
        """Return the owner's token as the database has it now."""

    def revoke(self) -> None:
        """Revoke every token as the package does: where the library refuses to."""


class Notes:
    """What was run, each once, in the order of its first time."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def take(self, what: str) -> None:
        if what not in self.taken:
            self.taken.append(what)


NOTES = Notes()


class Browser(Client):
    """Notes the view that answers each request."""

    def request(self, **request: Any) -> Any:
        response = super().request(**request)
        match = response.resolver_match
        NOTES.take(f"{request['REQUEST_METHOD']} {match.view_name}")
        return response


def person(name: str) -> User:
    """Return a new account."""
    return User.objects.create_user(name, f"{name}@example.com", PASSWORD)


def logged_in(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser
