"""Adds a key in the admin, beside a package that is at work in the same project."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib.auth.models import User

from adoption.projects.visiting import Browser, logged_in

ADMIN = "/admin/keys/apikey/"


def keys() -> Any:
    return apps.get_model("keys.ApiKey").objects


class Visitor:
    def issue(self, owner: str) -> str:
        logged_in(User.objects.create_superuser(owner)).post(f"{ADMIN}add/", {"owner": owner})
        return self.stored(owner)

    def accepts(self, token: str) -> bool:
        return bool(Browser().get("/door/", {"token": token}).status_code == 200)

    def stored(self, owner: str) -> str:
        return str(keys().get(owner=owner).token)
