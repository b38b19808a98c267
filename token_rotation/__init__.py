"""Rotate a leaked secret token column on a live PostgreSQL table.

A reusable Django app: it knows targets, batches and guards, and no particular model.
"""

__version__ = "0.1.0"
