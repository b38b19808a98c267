"""Signals of this app."""

from django.dispatch import Signal

# Sent after an asynchronous operation has finished as failed; argument: operation.
operation_failed = Signal()

# Sent at the end of each round of the periodic task, for what an app has to look after itself.
operations_watched = Signal()
