from knox.models import AuthToken

from token_rotation import Column, guard, keep_retired, unusable


class GuardedAuthToken(AuthToken):
    class Meta:
        proxy = True
        triggers = [
            *guard("digest", Column("digest_rotated_at"), unusable(128), accept="sent"),
            *keep_retired("digest", Column("digest_rotated_at")),
        ]
