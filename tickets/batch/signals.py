"""Signals of this app."""

from django.dispatch import Signal

# Sent after an asynchronous operation has finished as failed; argument: operation.
operation_failed = Signal()
