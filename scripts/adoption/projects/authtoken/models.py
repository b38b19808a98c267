"""The declaration of docs/how-to/tokens-as-keys.md."""

from rest_framework.authtoken.models import Token

from token_rotation import Column, guard, hexadecimal, keep_retired


class GuardedToken(Token):
    class Meta:
        proxy = True
        triggers = [
            *guard("key", Column("key_rotated_at"), hexadecimal(40), accept="sent"),
            *keep_retired("key", Column("key_rotated_at")),
        ]
