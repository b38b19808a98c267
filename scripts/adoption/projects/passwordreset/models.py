"""The declaration of docs/adopt/third-party-models.md."""

from django_rest_passwordreset.models import ResetPasswordToken

from token_rotation import Column, guard, hexadecimal


class GuardedResetToken(ResetPasswordToken):
    class Meta:
        proxy = True
        triggers = guard("key", Column("key_rotated_at"), hexadecimal(40))
