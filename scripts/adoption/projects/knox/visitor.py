"""Logs in with a password for a token, and out with the token."""

from __future__ import annotations

from base64 import b64encode

from knox.models import AuthToken

from adoption.projects.visiting import PASSWORD, Browser, person


class Visitor:
    def issue(self, owner: str) -> str:
        account = b64encode(f"{person(owner).username}:{PASSWORD}".encode()).decode()
        answer = Browser().post("/login/", headers={"authorization": f"Basic {account}"})
        return str(answer.json()["token"])

    def accepts(self, token: str) -> bool:
        answer = Browser().post("/logout/", headers={"authorization": f"Token {token}"})
        return bool(answer.status_code == 204)

    def stored(self, owner: str) -> str:
        raise NotImplementedError(f"the token of {owner} is a hash")

    def revoke(self) -> None:
        AuthToken.objects.all().delete()
