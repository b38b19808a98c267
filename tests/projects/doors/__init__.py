"""Functions that are asked about tokens, as a project has them."""

import sys
from itertools import count

_asked = count(1)


def opens_a_ticket(token: str) -> bool:
    from tickets.models import Ticket  # noqa: PLC0415  (models are not there any earlier)

    return Ticket.objects.filter(token=token).exists()


def fails(token: str) -> bool:
    raise RuntimeError(f"no look-up of {token}")


def ends(token: str) -> bool:
    sys.exit(f"no look-up of {token}")


def says_nothing(token: str) -> None:
    pass


def tires_of_asking(token: str) -> int:
    """Good for three answers."""
    return 404 if next(_asked) <= 3 else 429
