"""The column has room for 16 characters: SQL of one's own, since no format is that short."""

from django_otp.plugins.otp_static.models import StaticToken

from token_rotation import Column, guard

SHORT = "left(md5(gen_random_uuid()::text), 16)"


class GuardedStaticToken(StaticToken):
    class Meta:
        proxy = True
        triggers = guard("token", Column("token_rotated_at"), SHORT)
