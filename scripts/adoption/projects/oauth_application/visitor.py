"""Registers applications in the package's view. A secret opens its view of tokens."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from adoption.projects.visiting import PASSWORD, Browser, logged_in, person


def application_of(owner: str) -> str:
    """Return the identifier and the secret of the owner's application, as HTTP sends them."""
    return f"{owner}:{owner} chose these words"


def register(owner: str, grant: str) -> str:
    """Register an application for a new account."""
    client, _, secret = application_of(owner).partition(":")
    form = {
        "name": owner,
        "client_id": client,
        "client_secret": secret,
        "client_type": "confidential",
        "hash_client_secret": "on",
        "algorithm": "",
        "authorization_grant_type": grant,
    }
    answer = logged_in(person(owner)).post("/o/applications/register/", form)
    if answer.status_code != 302:
        raise ValueError(f"the form was refused: {answer.content.decode()}")
    return application_of(owner)


def tokens(application: str, **words: str) -> Any:
    """Return the answer of the package's view of tokens."""
    header = f"Basic {b64encode(application.encode()).decode()}"
    return Browser().post("/o/token/", words, headers={"authorization": header})


def password_grant(owner: str) -> dict[str, str]:
    """Return the tokens for a new application and account."""
    application = register(owner, "password")
    answer = tokens(application, grant_type="password", username=owner, password=PASSWORD)
    found: dict[str, str] = answer.json()
    return found


class Visitor:
    def issue(self, owner: str) -> str:
        return register(owner, "client-credentials")

    def accepts(self, token: str) -> bool:
        return bool(tokens(token, grant_type="client_credentials").status_code == 200)

    def stored(self, owner: str) -> str:
        raise NotImplementedError(f"the secret of {owner} is a hash")
