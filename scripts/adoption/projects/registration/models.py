from registration.models import RegistrationProfile

from token_rotation import Column, guard, hexadecimal


class GuardedProfile(RegistrationProfile):
    class Meta:
        proxy = True
        triggers = guard("activation_key", Column("key_rotated_at"), hexadecimal(64))
