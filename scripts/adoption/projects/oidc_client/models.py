from oidc_provider.models import Client

from token_rotation import Column, guard, hexadecimal


class GuardedClient(Client):
    class Meta:
        proxy = True
        triggers = guard("client_secret", Column("secret_rotated_at"), hexadecimal(64))
