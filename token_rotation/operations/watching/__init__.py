"""The periodic look at all operations: what to send again and what to report."""
