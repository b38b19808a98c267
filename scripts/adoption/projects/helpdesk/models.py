from helpdesk.models import Ticket

from token_rotation import Column, guard, hexadecimal


class GuardedTicket(Ticket):
    class Meta:
        proxy = True
        triggers = guard("secret_key", Column("key_rotated_at"), hexadecimal(36))
