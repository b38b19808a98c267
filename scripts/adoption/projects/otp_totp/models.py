from django_otp.plugins.otp_totp.models import TOTPDevice

from token_rotation import Column, guard, hexadecimal


class GuardedDevice(TOTPDevice):
    class Meta:
        proxy = True
        triggers = guard("key", Column("key_rotated_at"), hexadecimal(40))
