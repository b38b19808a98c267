"""Errors of the ticket site.

No message holds a token or a customer's text.
"""

from token_rotation.operations.errors import OperationError


class NoSiteUrlError(OperationError):
    """No mail can hold a link without the site's URL."""

    def __init__(self) -> None:
        super().__init__("SITE_URL is not set, as https://tickets.example.org, so nothing was sent")


class MessageChangedError(Exception):
    """A message that changed since it was read.

    Somebody changed or removed it. Nothing was written.
    """

    def __init__(self, message_id: int) -> None:
        super().__init__(f"somebody else has changed or removed message {message_id}")
        self.message_id = message_id
