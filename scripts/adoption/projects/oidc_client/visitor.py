"""Makes clients in the package's admin, and takes tokens with their secrets."""

from __future__ import annotations

from oidc_provider.admin import ClientForm
from oidc_provider.models import Client

from adoption.projects.visiting import NOTES, Browser


class Visitor:
    """A token is "identifier:secret"."""

    def issue(self, owner: str) -> str:
        form = ClientForm(
            {
                "name": owner,
                "client_type": "confidential",
                "jwt_alg": "HS256",
                "_redirect_uris": "https://example.com/",
                "_scope": "openid",
                "response_types": [1],
            }
        )
        NOTES.take("oidc_provider.admin.ClientForm")
        client = form.save()
        return f"{client.client_id}:{client.client_secret}"

    def accepts(self, token: str) -> bool:
        identifier, _, secret = token.partition(":")
        form = {"client_id": identifier, "client_secret": secret}
        answer = Browser().post("/openid/token", {**form, "grant_type": "client_credentials"})
        return bool(answer.status_code == 200)

    def stored(self, owner: str) -> str:
        client = Client.objects.get(name=owner)
        return f"{client.client_id}:{client.client_secret}"
