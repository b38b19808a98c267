"""Takes access tokens from the package's view, and opens a view that it protects."""

from __future__ import annotations

from oauth2_provider.models import AccessToken

from adoption.projects.oauth_application.visitor import password_grant
from adoption.projects.visiting import Browser


class Visitor:
    def issue(self, owner: str) -> str:
        return password_grant(owner)["access_token"]

    def accepts(self, token: str) -> bool:
        answer = Browser().get("/door/", headers={"authorization": f"Bearer {token}"})
        return bool(answer.status_code == 200)

    def stored(self, owner: str) -> str:
        return str(AccessToken.objects.get(user__username=owner).token)
