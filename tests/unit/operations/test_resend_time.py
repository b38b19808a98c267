"""How soon a lost message is noticed."""

from token_rotation.operations.options import DEFAULTS
from token_rotation.operations.watching.resend import CONFIRMED_AFTER_SECONDS


def test_by_default_a_loss_is_noticed_within_a_minute() -> None:
    """Also the loss of a message that was just sent, right after a look."""
    between_looks = until_it_counts_as_lost = DEFAULTS["OPERATIONS_RESEND_SECONDS"]

    assert until_it_counts_as_lost + between_looks + CONFIRMED_AFTER_SECONDS < 60
