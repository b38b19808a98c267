"""Steady load on the ticket pages, from a process of its own: ``python -m tests.support.load``."""
