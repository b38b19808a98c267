"""Signs up, and opens a view with the key."""

from django.contrib.auth import get_user_model
from django.test import Client


class Visitor:
    def issue(self, owner: str) -> str:
        return str(Client().post("/sign-up/", {"username": owner}).json()["api_key"])

    def accepts(self, token: str) -> bool:
        return bool(Client().get("/me/", headers={"x-api-key": token}).status_code == 200)

    def stored(self, owner: str) -> str:
        return str(get_user_model().objects.get(username=owner).api_key)
