"""The primary key has a copy of the hash, which opens nothing."""

from rest_framework_api_key.models import APIKey

from token_rotation import Column, guard, keep_retired, unusable


class GuardedAPIKey(APIKey):
    class Meta:
        proxy = True
        triggers = [
            *guard(
                "hashed_key",
                Column("key_rotated_at"),
                unusable(),
                accept="sent",
                derived={"id": None},
            ),
            *keep_retired("hashed_key", Column("key_rotated_at")),
        ]
