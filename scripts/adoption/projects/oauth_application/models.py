"""A secret that is stored as a hash, as docs/how-to/derived-columns.md declares it."""

from oauth2_provider.models import Application

from token_rotation import Column, guard, keep_retired, unusable


class GuardedApplication(Application):
    class Meta:
        proxy = True
        triggers = [
            *guard("client_secret", Column("secret_rotated_at"), unusable(), accept="sent"),
            *keep_retired("client_secret", Column("secret_rotated_at")),
        ]
