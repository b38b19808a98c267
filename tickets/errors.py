"""Errors of the ticket site. No message holds a token or a customer's text."""


class MessageChangedError(Exception):
    """Somebody changed or removed the message since it was read. Nothing was written."""

    def __init__(self, message_id: int) -> None:
        super().__init__(f"somebody else has changed or removed message {message_id}")
        self.message_id = message_id
