from allauth.account.models import EmailConfirmation

from token_rotation import Column, guard, hexadecimal


class GuardedConfirmation(EmailConfirmation):
    class Meta:
        proxy = True
        triggers = guard("key", Column("key_rotated_at"), hexadecimal(64))
