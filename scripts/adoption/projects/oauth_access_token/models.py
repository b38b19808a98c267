"""The declaration of docs/how-to/derived-columns.md."""

from oauth2_provider.models import AccessToken

from token_rotation import Column, guard, keep_retired, urlsafe


class GuardedAccessToken(AccessToken):
    class Meta:
        proxy = True
        triggers = [
            *guard(
                "token",
                Column("token_rotated_at"),
                urlsafe(),
                accept="sent",
                derived={
                    "token_checksum": "encode(sha256(convert_to({token}, 'UTF8')), 'hex')",
                    "resource": None,
                },
            ),
            *keep_retired("token", Column("token_rotated_at")),
        ]
