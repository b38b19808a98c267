"""Takes tokens from the package's view, and asks it who they belong to."""

from __future__ import annotations

from oidc_provider.models import Client, Token

from adoption.projects.visiting import PASSWORD, Browser, person


class Visitor:
    def issue(self, owner: str) -> str:
        client = Client.objects.create(
            name=owner,
            client_id=owner,
            client_secret="public",
            jwt_alg="HS256",
            _scope="openid",
        )
        form = {"client_id": client.client_id, "client_secret": "public", "grant_type": "password"}
        account = {"username": person(owner).username, "password": PASSWORD}
        return str(Browser().post("/openid/token", {**form, **account}).json()["access_token"])

    def accepts(self, token: str) -> bool:
        answer = Browser().get("/openid/userinfo", headers={"authorization": f"Bearer {token}"})
        return bool(answer.status_code == 200)

    def stored(self, owner: str) -> str:
        return str(Token.objects.get(user__username=owner).access_token)
