"""Obtains a token, and asks the router's root with it."""

from __future__ import annotations

from rest_framework.authtoken.models import Token

from adoption.projects.visiting import PASSWORD, Browser, person


class Visitor:
    def issue(self, owner: str) -> str:
        form = {"username": person(owner).username, "password": PASSWORD}
        return str(Browser().post("/token/", form).json()["token"])

    def accepts(self, token: str) -> bool:
        answer = Browser().get("/", headers={"authorization": f"Token {token}"})
        return bool(answer.status_code == 200)

    def stored(self, owner: str) -> str:
        return str(Token.objects.get(user__username=owner).key)
