"""Logs in through the package, and asks it for the account's details."""

from __future__ import annotations

from django.apps import apps

from adoption.projects.visiting import PASSWORD, Browser, person


class Visitor:
    def issue(self, owner: str) -> str:
        form = {"username": person(owner).username, "password": PASSWORD}
        return str(Browser().post("/auth/login/", form).json()["key"])

    def accepts(self, token: str) -> bool:
        answer = Browser().get("/auth/user/", headers={"authorization": f"Token {token}"})
        return bool(answer.status_code == 200)

    def stored(self, owner: str) -> str:
        return str(apps.get_model("keys.Token").objects.get(user__username=owner).key)
