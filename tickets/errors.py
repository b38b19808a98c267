"""Errors of the ticket site.

No message holds a token or a customer's text.
"""


class MessageChangedError(Exception):
    """A message that changed since it was read.

    Somebody changed or removed it. Nothing was written.
    """

    def __init__(self, message_id: int) -> None:
        super().__init__(f"somebody else has changed or removed message {message_id}")
        self.message_id = message_id
