"""The periodic look at all operations: what to send again and report; it runs no action."""
