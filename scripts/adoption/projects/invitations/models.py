from invitations.models import Invitation

from token_rotation import Column, guard, hexadecimal


class GuardedInvitation(Invitation):
    class Meta:
        proxy = True
        triggers = guard("key", Column("key_rotated_at"), hexadecimal(64))
