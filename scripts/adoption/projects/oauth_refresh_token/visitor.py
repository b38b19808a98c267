"""Takes refresh tokens from the package's view of tokens, and gives them back to it."""

from __future__ import annotations

from oauth2_provider.models import RefreshToken

from adoption.projects.oauth_application.visitor import application_of, password_grant, tokens


class Visitor:
    """A token is "identifier:secret:refresh token", since the package asks for all three."""

    def issue(self, owner: str) -> str:
        return f"{application_of(owner)}:{password_grant(owner)['refresh_token']}"

    def accepts(self, token: str) -> bool:
        application, _, refresh = token.rpartition(":")
        answer = tokens(application, grant_type="refresh_token", refresh_token=refresh)
        return bool(answer.status_code == 200)

    def stored(self, owner: str) -> str:
        token = RefreshToken.objects.get(user__username=owner).token
        return f"{application_of(owner)}:{token}"
