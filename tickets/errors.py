"""What the ticket application refuses. No message ever holds a token or a customer's words."""


class MessageChangedError(Exception):
    """Somebody else has rewritten or removed the message since it was read. Nothing was written."""

    def __init__(self, message_id: int) -> None:
        super().__init__(f"message {message_id} was changed or removed by somebody else meanwhile")
        self.message_id = message_id
