from oidc_provider.models import Token

from token_rotation import Column, guard, hexadecimal


class GuardedToken(Token):
    class Meta:
        proxy = True
        triggers = [
            *guard("access_token", Column("access_rotated_at"), hexadecimal(32)),
            *guard("refresh_token", Column("refresh_rotated_at"), hexadecimal(32)),
        ]
