"""Signals of this app."""

from django.dispatch import Signal

# Sent after an asynchronous operation has finished as failed; argument: operation.
operation_failed = Signal()

# Sent once by the periodic task, after an operation has ended without an error and needs a person
# all the same; arguments: operation, and reason, a line without secrets.
operation_unfinished = Signal()

# Sent at the end of each round of the periodic task, for what an app has to look after itself.
operations_watched = Signal()
